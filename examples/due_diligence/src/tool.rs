//! What the crew may do: list, search and read. Whatever comes of it is text from outside, and is
//! marked as such in every prompt.

use std::sync::Arc;

use mainstay::{ToolSet, prelude::*};

use crate::folder::{Document, Folder, Found, Listed};

/// Returns every tool; they work on a [`Folder`].
pub fn tools() -> ToolSet {
    ToolSet::new().native::<list_documents>().native::<search_documents>().native::<read_document>()
}

fn folder(cx: &ToolContext) -> Result<Arc<Folder>, ToolFailure> {
    cx.resource()
}

/// Lists every document with its number of lines.
#[tool(effect = read, timeout = "5s", retry = 3)]
pub(crate) async fn list_documents(cx: &ToolContext) -> Result<Vec<Listed>, ToolFailure> {
    Ok(folder(cx)?.list())
}

/// Finds the lines that hold all of some words, with their document and number.
#[tool(effect = read, timeout = "5s", retry = 3)]
pub(crate) async fn search_documents(
    cx: &ToolContext,
    words: String,
) -> Result<Option<Found>, ToolFailure> {
    Ok(folder(cx)?.search(&words))
}

/// Reads a document by its name, line by line with their numbers. Nothing but listed documents can
/// be read.
#[tool(effect = read, timeout = "5s", retry = 3)]
pub(crate) async fn read_document(
    cx: &ToolContext,
    document: String,
) -> Result<Option<Document>, ToolFailure> {
    Ok(folder(cx)?.document(&document).cloned())
}
