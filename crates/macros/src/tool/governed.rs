//! What of `#[tool(…)]` governs calls: control arguments, approval, places, breaker, cost.

use syn::{
    Error, Ident, LitInt, LitStr, Result, Token, bracketed, ext::IdentExt, parenthesized,
    parse::ParseStream, punctuated::Punctuated, token,
};

use super::Argument;
use crate::{quantity, report::Report, suggest};

/// Which arguments say what is acted on; none of them when the list is empty.
pub(super) type Control = Vec<Ident>;

/// When a breaker opens; the span is in milliseconds.
pub(super) struct Breaker {
    pub(super) percent: usize,
    pub(super) of: usize,
    pub(super) cool_down: u64,
}

const BREAKER: &str = "write `breaker(percent = 50, of = 20, cool_down = \"30s\")`";

/// Reads `= [recipient, amount]` or `= none`.
pub(super) fn control(input: ParseStream<'_>) -> Result<Control> {
    input.parse::<Token![=]>()?;
    let wanted = "name the arguments that say what is acted on, as in `control = [recipient, amount]`, or write `control = none`";
    if input.peek(token::Bracket) {
        let content;
        let bracket = bracketed!(content in input);
        let names = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
        if names.is_empty() {
            return Err(Error::new(bracket.span.join(), wanted));
        }
        return Ok(names.into_iter().collect());
    }
    let word = input.call(Ident::parse_any).map_err(|error| Error::new(error.span(), wanted))?;
    if word == "none" { Ok(Control::new()) } else { Err(Error::new_spanned(&word, wanted)) }
}

/// A name that no argument has would leave the argument that was meant unguarded.
pub(super) fn check_control(names: &[Ident], arguments: &[Argument], report: &mut Report) {
    let known: Vec<String> = arguments.iter().map(|argument| argument.name.to_string()).collect();
    for name in names.iter().filter(|name| !known.contains(&name.to_string())) {
        let near = suggest::among(&name.to_string(), known.iter().map(String::as_str));
        report.at(name, format!("the tool has no argument `{name}`; {near}"));
    }
}

/// Reads a condition; whether it can be read is found when the program starts.
pub(super) fn approval(literal: &LitStr) -> Result<String> {
    let text = literal.value();
    if text.trim().is_empty() {
        return Err(Error::new_spanned(
            literal,
            "say when a person must approve a call: \"true\", or a condition such as \"args.amount > 100\"",
        ));
    }
    Ok(text)
}

/// Reads a number of places.
pub(super) fn places(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(places @ 1..) => Ok(places),
        _ => Err(Error::new_spanned(literal, "at least one call may be under way at once")),
    }
}

/// Reads what a call costs, in millionths of a dollar.
pub(super) fn cost(literal: &LitStr) -> Result<u64> {
    quantity::dollars(&literal.value()).ok_or_else(|| {
        let text = literal.value();
        Error::new_spanned(
            literal,
            format!("`{text}` is not an amount in US dollars; write `cost = \"0.02\"`"),
        )
    })
}

/// Reads `(percent = 50, of = 20, cool_down = "30s")`.
pub(super) fn breaker(key: &Ident, input: ParseStream<'_>) -> Result<Breaker> {
    if !input.peek(token::Paren) {
        return Err(Error::new_spanned(key, BREAKER));
    }
    let content;
    parenthesized!(content in input);
    let (mut percent, mut of, mut cool_down) = (None, None, None);
    while !content.is_empty() {
        let name: Ident = content.parse()?;
        content.parse::<Token![=]>()?;
        match name.to_string().as_str() {
            "percent" => percent = Some(within(&content.parse()?, 1..=100)?),
            "of" => of = Some(within(&content.parse()?, 1..=1_000)?),
            "cool_down" => cool_down = Some(quantity::span(&content.parse()?)?),
            _ => return Err(Error::new_spanned(&name, BREAKER)),
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    match (percent, of, cool_down) {
        (Some(percent), Some(of), Some(cool_down)) => Ok(Breaker { percent, of, cool_down }),
        _ => Err(Error::new_spanned(key, BREAKER)),
    }
}

fn within(literal: &LitInt, range: std::ops::RangeInclusive<usize>) -> Result<usize> {
    let number = literal.base10_parse::<usize>()?;
    let (least, most) = (range.start(), range.end());
    if range.contains(&number) {
        return Ok(number);
    }
    Err(Error::new_spanned(literal, format!("from {least} to {most}; {BREAKER}")))
}
