//! The macros `#[flow]`, `#[derive(Route)]` and `#[tool]`.
//!
//! Each works in three passes: *read* the tokens into a small model, *check* the model as a whole
//! and *expand* it. Every pass reports into one [`report::Report`], so an author sees all mistakes
//! of a flow at once, each at its token and each with what would have been right.
//!
//! The generated code names `::mainstay::…` and `::mainstay::__private::…` and nothing else, so a
//! flow's crate needs no other dependency of ours.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of syn are not ours: most of their variants are no part of a flow"
)]

mod fingerprint;
mod flow;
mod quantity;
mod report;
mod route;
mod suggest;
mod tool;

use proc_macro::TokenStream;

/// Turns an `impl` block into a flow.
///
/// Inside it, `#[start]`, `#[listen(…)]` and `#[router(…)]` say what makes a function due,
/// `#[from(step)]` says where a parameter's value comes from, `#[finish]` marks the step whose output
/// is the run's, `#[step(…)]` holds options and `#[migrate(from = n)]` moves the state of an older
/// version. They mean something only here. A function without a body is a step whose code a worker in
/// another process serves: `#[step(worker = "risk")]`.
///
/// ```ignore
/// #[flow(name = "refund_desk", version = 3)]
/// impl Refund {
///     #[start]
///     async fn classify(&self, cx: &StepContext) -> Result<Intent> { … }
///
///     #[listen(classify)] #[step(retry = 3, compensate = undo_pay)]
///     async fn pay(&mut self, cx: &StepContext, intent: &Intent) -> Result<Receipt> { … }
///
///     async fn undo_pay(&self, cx: &StepContext, receipt: &Receipt) -> Result<()> { … }
///
///     #[listen(pay)] #[step(worker = "letters")]
///     async fn write(&self, receipt: &Receipt) -> Result<Letter>;
/// }
/// ```
#[proc_macro_attribute]
pub fn flow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    flow::expand(arguments.into(), item.into()).into()
}

/// Makes an enum without fields the closed set of routes of a router.
///
/// A variant marked `#[ends]` ends its branch: nobody has to listen to it.
#[proc_macro_derive(Route, attributes(ends))]
pub fn route(item: TokenStream) -> TokenStream {
    route::expand(item.into()).into()
}

/// Turns an async function into a tool: a name, a description, a JSON Schema of its arguments, and
/// a declaration of what a repeat would do.
///
/// ```ignore
/// /// Pays an amount back to the customer.
/// #[tool(effect = idempotent(key_valid_for = "24h"), irreversible, timeout = "5s")]
/// async fn refund(cx: &ToolContext, payment: String, cents: i64) -> Result<Receipt, ToolFailure> { … }
/// ```
///
/// A tool that declares no effect is taken for the worst: `at_most_once` and `irreversible`. So is one
/// that does not say which arguments decide what is acted on: all of them do, unless it declares
/// `control = [payment, cents]` or `control = none`. `approval = "args.cents > 10000"` puts a call
/// before a person; `concurrency = 4`, `cost = "0.02"` (US dollars), `owner = "…"` and
/// `breaker(percent = 50, of = 20, cool_down = "30s")` say the rest.
#[proc_macro_attribute]
pub fn tool(arguments: TokenStream, item: TokenStream) -> TokenStream {
    tool::expand(arguments.into(), item.into()).into()
}
