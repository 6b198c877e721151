//! The arguments of `#[flow(name = "…", version = …)]`, and what people say when they want the flow.

use proc_macro2::{Span, TokenStream};
use syn::{
    Error, Ident, LitInt, LitStr, Result, Token, bracketed, ext::IdentExt, parse::ParseStream,
    parse::Parser, punctuated::Punctuated,
};

use crate::{report::Report, suggest};

const ARGUMENTS: [&str; 5] = ["name", "version", "examples", "rules", "captures"];

/// What identifies a flow, and what people say when they want it.
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) intent: Intent,
}

/// How a request in words finds the flow; see `Intent` of the core.
#[derive(Default)]
pub(crate) struct Intent {
    pub(crate) examples: Vec<LitStr>,
    pub(crate) rules: Vec<LitStr>,
    pub(crate) captures: Vec<LitStr>,
}

/// Reads the arguments; what is missing or wrong is reported and replaced.
pub(crate) fn read(arguments: TokenStream, report: &mut Report) -> Header {
    let (mut name, mut version, mut intent) = (None, None, Intent::default());
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "name" => name = Some(read_name(&input.parse()?)?),
                "version" => version = Some(read_version(&input.parse()?)?),
                "examples" => intent.examples = read_texts(input)?,
                "rules" => intent.rules = read_texts(input)?,
                "captures" => intent.captures = read_texts(input)?,
                other => {
                    let near = suggest::among(other, ARGUMENTS);
                    return Err(Error::new_spanned(
                        &key,
                        format!("a flow has no `{other}`; {near}"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    let complete = report.keep(parser.parse2(arguments)).is_some();
    if complete && (name.is_none() || version.is_none()) {
        let message =
            "a flow has a name and a version: `#[flow(name = \"refund_desk\", version = 1)]`";
        report.add(Error::new(Span::call_site(), message));
    }
    Header { name: name.unwrap_or_default(), version: version.unwrap_or(1), intent }
}

fn read_name(literal: &LitStr) -> Result<String> {
    let name = literal.value();
    let sound = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if sound {
        return Ok(name);
    }
    Err(Error::new_spanned(
        literal,
        format!(
            "`{name}` cannot name a flow: use up to 64 of `a-z`, `0-9` and `_`, a letter first, such as \"refund_desk\""
        ),
    ))
}

fn read_texts(input: ParseStream<'_>) -> Result<Vec<LitStr>> {
    let content;
    bracketed!(content in input);
    let texts = Punctuated::<LitStr, Token![,]>::parse_terminated(&content)?;
    match texts.iter().find(|text| text.value().trim().is_empty()) {
        Some(empty) => Err(Error::new_spanned(empty, "an empty text says nothing")),
        None => Ok(texts.into_iter().collect()),
    }
}

fn read_version(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(version @ 1..) => Ok(version),
        _ => Err(Error::new_spanned(literal, "a version is a whole number from 1")),
    }
}
