//! Negative controls: one rule of the design after the other is taken away from outside, and the
//! harness goes red; with the rule, the same scene is safe. Without the fence, and with a tool that
//! ignores its key: `planted`. Without the order of locks: with the store's own tests.

mod early;
mod keys;
mod money;
mod parking;
mod reconcile;
mod replay;
mod retold;

use std::sync::Arc;

use mainstay_core::tool::Tool;
use mainstay_engine::runtime::Options;
use mainstay_testing::rig::{Setup, Stage};
use mainstay_tools::{Registry, Resources};

/// A program with one tool.
pub(crate) fn with_tool(stage: &Stage, tool: impl Tool + 'static) -> Setup {
    let mut registry = Registry::new(Resources::default(), stage.clock());
    registry.add(Arc::new(tool) as Arc<dyn Tool>).unwrap();
    let schema = registry.schema();
    Setup::default().with_tools(Arc::new(registry), schema)
}

/// A setup whose checkpoints do not come in the middle: the fold of a process that was told another
/// history would stand in them, and that would be found before anything it did.
fn without_checkpoints(setup: Setup) -> Setup {
    let options = setup.options().clone();
    setup.with_options(Options { checkpoint_rows: 10_000, ..options })
}
