//! A new colleague gets an account, permissions and a welcome, by a plan that a person can read
//! before it runs.
//!
//! Which steps a colleague needs is the planner's business; that they happen once each, in this
//! order, and that no text from outside adds one, is code's.

mod directory;
mod tools;

use std::error::Error;

use mainstay::{
    App, ToolSet,
    prelude::*,
    scripted::{Script, Scripted},
};
use serde_json::json;

pub use directory::{Deed, Directory};

const MODEL: &str = include_str!("../model.yaml");

/// A colleague who is new.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Onboard {
    /// Their name.
    pub name: String,
    /// Where they read mail.
    pub mail: String,
    /// The team they join.
    pub team: String,
}

/// Sets a new colleague up.
#[flow(name = "onboard", version = 1)]
impl Onboard {
    #[start(
        grants = [tools::create_account, tools::set_permissions, tools::send_welcome],
        budget = "usd=0.50,tool_calls=20"
    )]
    async fn set_up(&self, cx: &StepContext) -> Result<Vec<String>> {
        let goal =
            "Give the new colleague an account, the permissions of their team, and a welcome.";
        let job = Job::new("set_up", goal).with_revisions(1);
        let input = json!({ "name": self.name, "mail": self.mail, "team": self.team });
        let done = cx.job(&job, input).await?.completed()?;
        Ok(done
            .steps
            .into_iter()
            .map(|step| format!("{} {}", step.step, step.outcome.word()))
            .collect())
    }
}

/// Returns the tools.
pub fn tools() -> ToolSet {
    ToolSet::new()
        .native::<tools::create_account>()
        .native::<tools::set_permissions>()
        .native::<tools::send_welcome>()
}

/// Returns the model: a planner that is written down.
///
/// # Errors
/// `model.yaml` cannot be read.
pub fn model() -> std::result::Result<Scripted, Box<dyn Error + Send + Sync>> {
    Ok(Scripted::new().with_script(Script::parse("model.yaml", MODEL)?))
}

/// Returns the program.
///
/// # Errors
/// `model.yaml` cannot be read.
pub fn app() -> std::result::Result<App, Box<dyn Error + Send + Sync>> {
    Ok(App::new()
        .about("Sets new colleagues up")
        .flow::<Onboard>()
        .tools(tools())
        .resource(Directory::at(".mainstay/directory.jsonl"))
        .model(model()?)
        .default_model("scripted:planner".parse()?))
}
