//! The inert attributes inside a flow: read from a function and taken off it.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Error, FnArg, Ident, LitInt, Meta, Result, Token, parse::ParseStream};

use super::{condition::Condition, options::Options};
use crate::report::Report;

/// What the author wrote above one function.
#[derive(Default)]
pub(crate) struct Marks {
    pub(crate) due: Option<Due>,
    pub(crate) finish: Option<Attribute>,
    pub(crate) options: Options,
    /// The `#[step(…)]` attribute, for messages.
    pub(crate) step: Option<Attribute>,
    pub(crate) migrate: Option<Migrate>,
}

/// The attribute that makes a function due.
pub(crate) struct Due {
    pub(crate) attribute: Attribute,
    pub(crate) kind: DueKind,
}

/// What kind of node the attribute makes.
pub(crate) enum DueKind {
    Start,
    Listen(Condition),
    Router(Condition),
    /// Its condition could not be read; that is reported already, so nothing else is said about it.
    Unreadable,
}

/// `#[migrate(from = 2)]`.
pub(crate) struct Migrate {
    pub(crate) attribute: Attribute,
    pub(crate) from: LitInt,
}

impl Marks {
    /// Takes the flow's attributes off a function.
    pub(crate) fn take(attributes: &mut Vec<Attribute>, report: &mut Report) -> Self {
        let mut marks = Self::default();
        for attribute in std::mem::take(attributes) {
            match word(&attribute).as_str() {
                "start" | "listen" | "router" => marks.take_due(attribute, report),
                "finish" => marks.take_finish(attribute, report),
                "step" => {
                    let read = attribute
                        .parse_args_with(|input: ParseStream<'_>| marks.options.read(input));
                    report.keep(read);
                    marks.step = Some(attribute);
                }
                "migrate" => marks.migrate = report.keep(migrate(attribute)),
                _ => attributes.push(attribute),
            }
        }
        marks
    }

    /// Returns whether nothing of a flow was written above the function.
    pub(crate) fn is_empty(&self) -> bool {
        self.due.is_none() && self.finish.is_none() && self.step.is_none() && self.migrate.is_none()
    }

    fn take_due(&mut self, attribute: Attribute, report: &mut Report) {
        if let Some(first) = &self.due {
            let both = format!(
                "a step is made due once: `#[{}]` stands here already; join conditions with `or_(…)` or `and_(…)`",
                word(&first.attribute)
            );
            report.at(&attribute, both);
            return;
        }
        let kind = self.read_due(&attribute, report).unwrap_or_else(|error| {
            report.add(error);
            DueKind::Unreadable
        });
        self.due = Some(Due { attribute, kind });
    }

    /// Options that cannot be read are reported, but the trigger before them counts.
    fn read_due(&mut self, attribute: &Attribute, report: &mut Report) -> Result<DueKind> {
        let word = word(attribute);
        if word == "start" {
            if let Meta::List(_) = &attribute.meta {
                let read =
                    attribute.parse_args_with(|input: ParseStream<'_>| self.options.read(input));
                report.keep(read);
            }
            return Ok(DueKind::Start);
        }
        if !matches!(&attribute.meta, Meta::List(list) if !list.tokens.is_empty()) {
            let message = format!("`#[{word}(…)]` names what it listens to: a step or a route");
            return Err(Error::new_spanned(attribute, message));
        }
        let condition = attribute.parse_args_with(|input: ParseStream<'_>| {
            let condition = input.parse::<Condition>()?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
                let read = self.options.read(input);
                if report.keep(read).is_none() {
                    // The parser insists that everything was read.
                    input.parse::<TokenStream>()?;
                }
            }
            Ok(condition)
        })?;
        Ok(if word == "router" { DueKind::Router(condition) } else { DueKind::Listen(condition) })
    }

    fn take_finish(&mut self, attribute: Attribute, report: &mut Report) {
        if !matches!(attribute.meta, Meta::Path(_)) {
            report.at(&attribute, "`#[finish]` takes no arguments");
        }
        self.finish = Some(attribute);
    }
}

/// Takes `#[from(step)]` off a parameter.
pub(crate) fn take_from(argument: &mut FnArg, report: &mut Report) -> Option<Ident> {
    let attributes = match argument {
        FnArg::Receiver(_) => return None,
        FnArg::Typed(typed) => &mut typed.attrs,
    };
    let mut from = None;
    for attribute in std::mem::take(attributes) {
        if word(&attribute) == "from" {
            from = report.keep(attribute.parse_args::<Ident>().map_err(|_| {
                Error::new_spanned(&attribute, "write `#[from(step)]` with the name of one step")
            }));
        } else {
            attributes.push(attribute);
        }
    }
    from
}

fn migrate(attribute: Attribute) -> Result<Migrate> {
    let from = attribute
        .parse_args_with(|input: ParseStream<'_>| {
            let key = input.parse::<Ident>()?;
            input.parse::<Token![=]>()?;
            if key != "from" {
                return Err(Error::new_spanned(&key, ""));
            }
            input.parse::<LitInt>()
        })
        .map_err(|_| {
            Error::new_spanned(
                &attribute,
                "write `#[migrate(from = 2)]` with the older version's number",
            )
        })?;
    Ok(Migrate { attribute, from })
}

fn word(attribute: &Attribute) -> String {
    attribute.path().get_ident().map_or_else(String::new, ToString::to_string)
}

impl ToTokens for Due {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.attribute.to_tokens(tokens);
    }
}
