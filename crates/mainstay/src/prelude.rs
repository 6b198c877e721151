//! What a flow's author needs in scope: `use mainstay::prelude::*;`.

pub use crate::intelligence::Intelligence;
pub use mainstay_agents::{
    agent::{Agent, AgentReply, Assignment, Kit, Skill, Source, Window},
    crew::{Crew, CrewOutput, Demand, Member, Rules, Task},
    job::{Job, JobEnd, JobOutcome},
};
pub use mainstay_core::{
    failure::{Failure, StepError},
    model::{FinishReason, Message, ModelReply, ModelRequest, Temperature, Tier},
    review::{Decision, ReviewOutcome},
    tool::{Grants, Reconciled, ToolFailure, ToolOutcome},
};
pub use mainstay_engine::{
    context::{Called, ChildRun, Review, StepContext, Write},
    program::{Flow, Route},
};
pub use mainstay_macros::{Route, flow, tool};
pub use mainstay_tools::ToolContext;
pub use schemars::JsonSchema;
pub use serde::{Deserialize, Serialize};

/// What a step returns. Any error converts into [`StepError`] with `?`.
pub type Result<T, E = StepError> = std::result::Result<T, E>;
