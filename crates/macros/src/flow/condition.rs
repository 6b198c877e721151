//! Conditions: a step's name, a route, `or_(…)` and `and_(…)`, nested as deep as it takes.

use quote::ToTokens;
use syn::{
    Error, Ident, Path, Result, Token, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// What a step or a router listens to.
pub(crate) enum Condition {
    /// A step finished.
    Step(Ident),
    /// A router picked this variant; the path is as the author wrote it.
    Route(RoutePath),
    /// Any of these.
    Any(Vec<Condition>),
    /// All of these.
    All(Vec<Condition>),
}

/// `Lane::Refund`, perhaps with modules in front.
pub(crate) struct RoutePath {
    /// The whole path.
    pub(crate) path: Path,
    /// The enum's own name.
    pub(crate) route: Ident,
    /// The variant's name.
    pub(crate) variant: Ident,
}

impl RoutePath {
    /// Returns the path of the enum.
    pub(crate) fn enum_path(&self) -> Path {
        let mut path = self.path.clone();
        path.segments.pop();
        path.segments.pop_punct();
        path
    }
}

impl Condition {
    /// Returns the leaves, left to right.
    pub(crate) fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Step(_) | Self::Route(_) => vec![self],
            Self::Any(inner) | Self::All(inner) => inner.iter().flat_map(Self::leaves).collect(),
        }
    }

    /// Returns the routes among the leaves.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &RoutePath> {
        self.leaves().into_iter().filter_map(|leaf| match leaf {
            Self::Route(route) => Some(route),
            Self::Step(_) | Self::Any(_) | Self::All(_) => None,
        })
    }

    /// Returns the steps among the leaves.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Ident> {
        self.leaves().into_iter().filter_map(|leaf| match leaf {
            Self::Step(name) => Some(name),
            Self::Route(_) | Self::Any(_) | Self::All(_) => None,
        })
    }
}

impl Parse for Condition {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let start = input.cursor().token_stream().into_iter().next();
        let path: Path = input.parse().map_err(|error| {
            Error::new(
                error.span(),
                "expected a step, a route such as `Lane::Refund`, `or_(…)` or `and_(…)`",
            )
        })?;
        match path.get_ident() {
            Some(word) if input.peek(syn::token::Paren) => group(word, input),
            Some(name) => Ok(Self::Step(name.clone())),
            None if input.peek(syn::token::Paren) => {
                Err(Error::new_spanned(start, "only `or_(…)` and `and_(…)` combine conditions"))
            }
            None => route(path),
        }
    }
}

fn group(word: &Ident, input: ParseStream<'_>) -> Result<Condition> {
    let content;
    parenthesized!(content in input);
    let inner: Vec<_> =
        Punctuated::<Condition, Token![,]>::parse_terminated(&content)?.into_iter().collect();
    let join = match word.to_string().as_str() {
        "or_" => Condition::Any,
        "and_" => Condition::All,
        other => {
            let near = crate::suggest::among(other, ["or_", "and_"]);
            return Err(Error::new_spanned(word, format!("`{other}` combines nothing; {near}")));
        }
    };
    if inner.len() < 2 {
        return Err(Error::new_spanned(
            word,
            format!("`{word}` joins two conditions or more; one alone stands without it"),
        ));
    }
    Ok(join(inner))
}

fn route(path: Path) -> Result<Condition> {
    let mut names = path.segments.iter().rev().map(|segment| segment.ident.clone());
    match (names.next(), names.next()) {
        (Some(variant), Some(route)) => Ok(Condition::Route(RoutePath { path, route, variant })),
        _ => Err(Error::new_spanned(
            path.to_token_stream(),
            "expected a route such as `Lane::Refund`",
        )),
    }
}
