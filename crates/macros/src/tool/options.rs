//! The arguments of `#[tool(…)]`.

use proc_macro2::{Span, TokenStream};
use syn::{
    Error, Ident, LitInt, LitStr, Path, Result, Token,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Parser},
    token,
};

use super::governed::{self, Breaker, Control};
use crate::{quantity, report::Report, suggest};

const OPTIONS: [&str; 14] = [
    "effect",
    "reversible",
    "irreversible",
    "timeout",
    "rate",
    "retry",
    "reconcile",
    "name",
    "control",
    "approval",
    "concurrency",
    "cost",
    "owner",
    "breaker",
];
const EFFECTS: [&str; 4] = ["read", "idempotent", "reconcilable", "at_most_once"];
/// The most attempts of one call; `RetryPolicy` of the core says why.
const MOST_ATTEMPTS: u32 = 3;

/// What an author declares about a tool; spans in milliseconds.
#[derive(Default)]
pub(super) struct Options {
    pub(super) effect: Effect,
    pub(super) reversible: Option<bool>,
    pub(super) timeout: Option<u64>,
    pub(super) rate: Option<(u32, u64)>,
    pub(super) retry: Option<u32>,
    pub(super) reconcile: Option<Path>,
    pub(super) name: Option<String>,
    /// All arguments when absent.
    pub(super) control: Option<Control>,
    pub(super) approval: Option<String>,
    pub(super) concurrency: Option<u32>,
    /// In millionths of a dollar.
    pub(super) cost: Option<u64>,
    pub(super) owner: Option<String>,
    pub(super) breaker: Option<Breaker>,
    seen: Vec<String>,
}

/// What a repeat of the call would do.
#[derive(Default)]
pub(super) enum Effect {
    Read,
    /// The key is valid for a span, or for ever.
    Idempotent(Option<u64>),
    /// A call shows within this span.
    Reconcilable(u64),
    #[default]
    AtMostOnce,
}

/// Reads the arguments; what is wrong is reported.
pub(super) fn read(arguments: TokenStream, report: &mut Report) -> Options {
    let mut options = Options::default();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            options.read_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if report.keep(parser.parse2(arguments)).is_some() {
        check(&options, report);
    }
    options
}

fn check(options: &Options, report: &mut Report) {
    match (&options.effect, &options.reconcile) {
        (Effect::Reconcilable(_), None) => report.add(Error::new(
            Span::call_site(),
            "a `reconcilable` tool can be asked whether a call happened: name the function that asks with `reconcile = …`",
        )),
        (Effect::Reconcilable(_), Some(_)) | (_, None) => {}
        (_, Some(path)) => report.at(
            path,
            "only a `reconcilable` tool is asked whether a call happened: declare `effect = reconcilable(visible_within = \"…\")`",
        ),
    }
}

impl Options {
    fn read_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let key = input.call(Ident::parse_any)?;
        let name = key.to_string();
        if self.seen.contains(&name) {
            return Err(Error::new_spanned(&key, format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "effect" => self.effect = effect(input)?,
            "reversible" | "irreversible" if self.reversible.is_some() => {
                return Err(Error::new_spanned(
                    &key,
                    "a tool is reversible or irreversible, not both",
                ));
            }
            "reversible" => self.reversible = Some(true),
            "irreversible" => self.reversible = Some(false),
            "timeout" => self.timeout = Some(quantity::span(&value(input)?)?),
            "rate" => self.rate = Some(rate(&value(input)?)?),
            "retry" => self.retry = Some(attempts(&value(input)?)?),
            "reconcile" => self.reconcile = Some(value(input)?),
            "control" => self.control = Some(governed::control(input)?),
            "approval" => self.approval = Some(governed::approval(&value(input)?)?),
            "concurrency" => self.concurrency = Some(governed::places(&value(input)?)?),
            "cost" => self.cost = Some(governed::cost(&value(input)?)?),
            "owner" => self.owner = Some(value::<LitStr>(input)?.value()),
            "breaker" => self.breaker = Some(governed::breaker(&key, input)?),
            "name" => self.name = Some(tool_name(&value(input)?)?),
            _ => {
                let near = suggest::among(&name, OPTIONS);
                return Err(Error::new_spanned(
                    &key,
                    format!("a tool has no option `{name}`; {near}"),
                ));
            }
        }
        self.seen.push(name);
        Ok(())
    }
}

fn value<T: syn::parse::Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn effect(input: ParseStream<'_>) -> Result<Effect> {
    let class: Ident = value(input)?;
    match class.to_string().as_str() {
        "read" => Ok(Effect::Read),
        "at_most_once" => Ok(Effect::AtMostOnce),
        "local" => Err(Error::new_spanned(
            &class,
            "a tool cannot be `local`: its call is no part of the step's transaction; write rows of the run's own database with `cx.write`",
        )),
        "idempotent" => {
            let wanted = "say how long the other side knows the key: `idempotent(key_valid_for = \"24h\")` or `idempotent(key_valid_for = forever)`; a tool that cannot say is `at_most_once`";
            span_or_forever(&class, "key_valid_for", wanted, input).map(Effect::Idempotent)
        }
        "reconcilable" => {
            let wanted = "say within which span a call shows on the other side: `reconcilable(visible_within = \"30s\")`; a tool that cannot say is `at_most_once`";
            match span_or_forever(&class, "visible_within", wanted, input)? {
                Some(span) => Ok(Effect::Reconcilable(span)),
                None => Err(Error::new_spanned(&class, wanted)),
            }
        }
        other => {
            let near = suggest::among(other, EFFECTS);
            Err(Error::new_spanned(&class, format!("`{other}` is no class of effect; {near}")))
        }
    }
}

/// Reads `(key = "30s")` or `(key = forever)`.
fn span_or_forever(
    class: &Ident,
    key: &str,
    wanted: &str,
    input: ParseStream<'_>,
) -> Result<Option<u64>> {
    let missing = || Error::new_spanned(class, wanted);
    if !input.peek(token::Paren) {
        return Err(missing());
    }
    let content;
    parenthesized!(content in input);
    let found: Ident = content.parse().map_err(|_| missing())?;
    if found != key {
        return Err(Error::new_spanned(&found, wanted));
    }
    content.parse::<Token![=]>()?;
    if content.peek(Ident::peek_any) {
        let word: Ident = content.parse()?;
        return if word == "forever" { Ok(None) } else { Err(Error::new_spanned(&word, wanted)) };
    }
    quantity::span(&content.parse()?).map(Some)
}

fn rate(literal: &LitStr) -> Result<(u32, u64)> {
    let text = literal.value();
    let read = || {
        let (calls, per) = text.split_once('/')?;
        let per = match per {
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        Some((calls.parse().ok().filter(|calls| *calls > 0)?, per))
    };
    read().ok_or_else(|| {
        Error::new_spanned(
            literal,
            format!("`{text}` is not a rate; write \"10/s\", \"100/m\" or \"1000/h\""),
        )
    })
}

fn attempts(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(attempts @ 1..=MOST_ATTEMPTS) => Ok(attempts),
        _ => Err(Error::new_spanned(
            literal,
            format!("a call is tried 1 to {MOST_ATTEMPTS} times, counting the first attempt"),
        )),
    }
}

fn tool_name(literal: &LitStr) -> Result<String> {
    let name = literal.value();
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=64).contains(&name.len()) && name.chars().all(fits) {
        return Ok(name);
    }
    Err(Error::new_spanned(
        literal,
        format!(
            "`{name}` cannot name a tool: model vendors take 1 to 64 of `a-z`, `A-Z`, `0-9`, `_` and `-`"
        ),
    ))
}
