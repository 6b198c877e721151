//! Step options: `retry`, `timeout`, `compensate`, `budget`, `grants`, `worker`, `name`.

use syn::{
    Error, Ident, LitInt, LitStr, Path, Result, Token, bracketed,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token,
};

use crate::{
    quantity::{self, Limit},
    suggest,
};

/// The most attempts of one step, the first included; `RetryPolicy` of the core says why.
const MOST_ATTEMPTS: u32 = 3;

const OPTIONS: [&str; 7] = ["retry", "timeout", "compensate", "budget", "grants", "worker", "name"];

/// What an author says about one step.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<u64>,
    pub(crate) compensate: Option<Ident>,
    pub(crate) budget: Vec<Limit>,
    pub(crate) grants: Vec<Grant>,
    /// The worker that serves the step.
    pub(crate) worker: Option<LitStr>,
    /// What the worker calls it.
    pub(crate) name: Option<LitStr>,
    seen: Vec<String>,
}

/// How a failed attempt is tried again; spans in milliseconds.
pub(crate) struct Retry {
    pub(crate) max: u32,
    pub(crate) base: Option<u64>,
    pub(crate) cap: Option<u64>,
    pub(crate) factor: Option<u32>,
}

/// A tool the step may call.
pub(crate) enum Grant {
    /// A `#[tool]` function, so the compiler knows it.
    Tool(Path),
    /// The name of a tool that is known when the program starts.
    Named(LitStr),
}

impl Options {
    /// Reads `key = value` pairs up to the end of `input`.
    pub(crate) fn read(&mut self, input: ParseStream<'_>) -> Result<()> {
        while !input.is_empty() {
            self.read_one(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn read_one(&mut self, input: ParseStream<'_>) -> Result<()> {
        let key = input.call(Ident::parse_any)?;
        let name = key.to_string();
        if self.seen.contains(&name) {
            return Err(Error::new_spanned(&key, format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "retry" => self.retry = Some(read_retry(input)?),
            "timeout" => self.timeout = Some(quantity::span(&value(input)?)?),
            "compensate" => self.compensate = Some(value(input)?),
            "budget" => self.budget = quantity::budget(&value(input)?)?,
            "grants" => self.grants = read_grants(input)?,
            "worker" => self.worker = Some(value(input)?),
            "name" => self.name = Some(value(input)?),
            _ => {
                let near = suggest::among(&name, OPTIONS);
                return Err(Error::new_spanned(
                    &key,
                    format!("a step has no option `{name}`; {near}"),
                ));
            }
        }
        self.seen.push(name);
        Ok(())
    }
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn read_grants(input: ParseStream<'_>) -> Result<Vec<Grant>> {
    input.parse::<Token![=]>()?;
    let content;
    bracketed!(content in input);
    Ok(Punctuated::<Grant, Token![,]>::parse_terminated(&content)?.into_iter().collect())
}

impl Parse for Grant {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.peek(LitStr) {
            input.parse().map(Self::Named)
        } else {
            input.parse().map(Self::Tool)
        }
    }
}

fn read_retry(input: ParseStream<'_>) -> Result<Retry> {
    if !input.peek(token::Paren) {
        return Ok(Retry { max: attempts(&value(input)?)?, base: None, cap: None, factor: None });
    }
    let content;
    let parens = parenthesized!(content in input);
    let (mut max, mut base, mut cap, mut factor) = (None, None, None, None);
    while !content.is_empty() {
        let key = content.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "max" => max = Some(attempts(&value(&content)?)?),
            "base" => base = Some(quantity::span(&value(&content)?)?),
            "cap" => cap = Some(quantity::span(&value(&content)?)?),
            "factor" => factor = Some(growth(&value(&content)?)?),
            other => {
                let near = suggest::among(other, ["max", "base", "cap", "factor"]);
                return Err(Error::new_spanned(&key, format!("`retry` has no `{other}`; {near}")));
            }
        }
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    match max {
        Some(max) => Ok(Retry { max, base, cap, factor }),
        None => {
            Err(Error::new(parens.span.join(), "`retry(…)` needs `max`, the number of attempts"))
        }
    }
}

fn attempts(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(max @ 1..=MOST_ATTEMPTS) => Ok(max),
        _ => Err(Error::new_spanned(
            literal,
            format!("a step is tried 1 to {MOST_ATTEMPTS} times, counting the first attempt"),
        )),
    }
}

fn growth(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse::<u32>() {
        Ok(factor @ 1..=10) => Ok(factor),
        _ => Err(Error::new_spanned(literal, "the wait grows by a factor from 1 to 10")),
    }
}
