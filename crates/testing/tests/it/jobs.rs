//! Planned jobs against models that do what an attacker wants: the journal shows what was called.

mod attack;
mod crashes;
mod hostile;
mod mind;
mod order;
mod unplanned;

use mainstay::prelude::*;
use mainstay_core::plan;

/// The tools that act; a step of a job is granted all of them, so that nothing but its plan stands
/// between a model and a call.
pub(crate) const ACTING: [&str; 10] = [
    "send_money",
    "send_mail",
    "delete_file",
    "grant_access",
    "create_account",
    "change_password",
    "post_message",
    "book_travel",
    "change_address",
    "share_document",
];

/// A job with its plan.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Work {
    plan: serde_json::Value,
    input: serde_json::Value,
}

#[flow(name = "work", version = 1)]
impl Work {
    #[start(grants = [
        "look_up", "send_money", "send_mail", "delete_file", "grant_access", "create_account",
        "change_password", "post_message", "book_travel", "change_address", "share_document",
    ])]
    async fn work(&self, cx: &StepContext) -> Result<serde_json::Value> {
        let job = Job::new("work", "do what is asked");
        let outcome = match self.plan.is_null() {
            true => cx.job(&job.require_plan_review(), self.input.clone()).await?,
            false => cx.carry_out(&job, plan::read(&self.plan)?, self.input.clone()).await?,
        };
        Ok(serde_json::to_value(outcome.completed()?)?)
    }
}
