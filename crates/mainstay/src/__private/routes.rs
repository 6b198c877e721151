//! The closed set of routes, at compile time and in the definition.

use mainstay_core::flow::{RouteDefinition, VariantDefinition};
use mainstay_engine::program::Route;

/// Compiles for a route only.
pub fn is_route<R: Route>() {}

/// Returns the name of the variant a router picked.
pub fn variant<R: Route>(route: &R) -> String {
    route.variant().to_owned()
}

/// Returns a route type as plain data.
#[must_use]
pub fn route<R: Route>() -> RouteDefinition {
    let variant =
        |(name, ends): &(&str, bool)| VariantDefinition { name: (*name).to_owned(), ends: *ends };
    RouteDefinition {
        name: R::NAME.to_owned(),
        variants: R::VARIANTS.iter().map(variant).collect(),
    }
}

/// Returns the first variant that neither ends its branch nor is in `heard`.
#[must_use]
pub const fn unheard<R: Route>(heard: &[&str]) -> Option<Unheard> {
    let mut variants = R::VARIANTS;
    while let [(name, ends), rest @ ..] = variants {
        if !*ends && !contains(heard, name) {
            return Some(Unheard::new(R::NAME, name));
        }
        variants = rest;
    }
    None
}

/// A message made while compiling, where nothing can be allocated.
pub struct Unheard {
    bytes: [u8; Self::ROOM],
    length: usize,
}

impl Unheard {
    const ROOM: usize = 512;

    const fn new(route: &str, variant: &str) -> Self {
        Self { bytes: [0; Self::ROOM], length: 0 }
            .with("nobody listens to `")
            .with(route)
            .with("::")
            .with(variant)
            .with("`: add `#[listen(")
            .with(route)
            .with("::")
            .with(variant)
            .with(")]` to a step, or mark the variant with `#[ends]`")
    }

    const fn with(mut self, text: &str) -> Self {
        let mut rest = text.as_bytes();
        while let [byte, tail @ ..] = rest {
            if let Some((_, room)) = self.bytes.split_at_mut_checked(self.length)
                && let [place, ..] = room
            {
                *place = *byte;
                self.length += 1;
            }
            rest = tail;
        }
        self
    }

    /// Returns the message.
    #[must_use]
    pub const fn text(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "nobody listens to one of the routes",
        }
    }
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut names = names;
    while let [first, rest @ ..] = names {
        if equal(first.as_bytes(), name.as_bytes()) {
            return true;
        }
        names = rest;
    }
    false
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([x, a @ ..], [y, b @ ..]) => *x == *y && equal(a, b),
        _ => false,
    }
}
