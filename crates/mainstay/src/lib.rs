//! Facade: App, command line, configuration, prelude.

pub mod prelude;

#[doc(hidden)]
pub mod __private;

pub use mainstay_engine::program::{Flow, Route};
pub use mainstay_tools::{Resources, ToolSet};
