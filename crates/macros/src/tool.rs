//! `#[tool]`: an async function that may be granted to a step.

use proc_macro2::TokenStream;

/// Expands the attribute.
pub(crate) fn expand(_arguments: TokenStream, item: TokenStream) -> TokenStream {
    item
}
