//! What `#[tool]` writes against.

use mainstay_core::tool::ToolFailure;
use mainstay_engine::context::ToolUse;
use mainstay_tools::NativeTool;
use serde_json::Value;

/// A call of a tool, for `cx.tool(…)`: made by the tool's own `with(…)`.
#[must_use = "a call does nothing until it is handed to `cx.tool(…)`"]
pub struct ToolRequest<T: NativeTool> {
    arguments: T::Args,
}

impl<T: NativeTool> ToolRequest<T> {
    /// Makes a call with these arguments.
    pub const fn new(arguments: T::Args) -> Self {
        Self { arguments }
    }
}

/// Arguments that have no JSON become `null`, which no tool's schema takes: the call is refused
/// before anything happens.
impl<T: NativeTool> ToolUse for ToolRequest<T> {
    type Output = T::Output;

    fn into_parts(self) -> (String, Value) {
        (T::NAME.to_owned(), serde_json::to_value(self.arguments).unwrap_or_default())
    }
}

/// What a tool returns: a `Result` whose error becomes a [`ToolFailure`].
#[diagnostic::on_unimplemented(message = "a tool returns `Result<T, ToolFailure>`, not `{Self}`")]
pub trait ToolReturn {
    /// What it found or did.
    type Output;
}

impl<T, E: Into<ToolFailure>> ToolReturn for Result<T, E> {
    type Output = T;
}

/// Converts the error of a tool.
///
/// # Errors
/// The tool failed.
pub fn tool_returned<T, E: Into<ToolFailure>>(result: Result<T, E>) -> Result<T, ToolFailure> {
    result.map_err(Into::into)
}
