//! The mistakes found so far. A macro that stops at the first one makes its author compile ten times.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Collects mistakes, each with its place.
#[derive(Default)]
pub(crate) struct Report(Vec<syn::Error>);

impl Report {
    /// Adds a mistake at `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake the parser found.
    pub(crate) fn add(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// Returns the value, or adds the mistake.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    /// Adds everything that another report holds; returns whether that was nothing.
    pub(crate) fn take(&mut self, other: Self) -> bool {
        let clean = other.is_clean();
        self.0.extend(other.0);
        clean
    }

    /// Returns whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns one `compile_error!` for each mistake.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}
