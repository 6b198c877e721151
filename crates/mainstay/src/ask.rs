//! The flow behind `ask` where a request is unclear: a person says what is meant, however long that
//! takes, and then the flow that was meant runs as a child.

use std::sync::Arc;

use mainstay_agents::intent::{Intents, Target, settle};
use mainstay_core::effects::Effects;
use serde_json::{Value, json};

use crate::prelude::*;

/// A request, and the flows that it may be for.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ask {
    /// The request, as it was written.
    pub(crate) request: String,
    /// The flows, as the program that was asked knew them.
    pub(crate) flows: Vec<Value>,
}

impl Ask {
    /// Returns the input of a run that settles a request.
    pub(crate) fn input(request: &str, targets: &[Target]) -> Value {
        json!({ "request": request, "flows": targets })
    }

    fn intents(&self) -> Result<Intents> {
        let targets = self.flows.iter().map(|flow| serde_json::from_value(flow.clone()));
        Ok(Intents::new(targets.collect::<Result<Vec<Target>, _>>()?)?)
    }
}

/// Asks a person which flow a request is for, and runs it.
#[flow(name = "mainstay_ask", version = 1)]
impl Ask {
    /// Returns the flow that was meant with what it returned; null if a person said that none was.
    #[start]
    async fn settle(&self, cx: &StepContext) -> Result<Value> {
        let effects: Arc<dyn Effects> = Arc::new(cx.clone());
        let Some(meant) = settle(&effects, &self.intents()?, &self.request).await? else {
            return Ok(Value::Null);
        };
        let child = ChildRun::of(meant.flow.clone(), &meant.input);
        let output: Value = cx.run_flow(child).await?;
        Ok(json!({ "flow": meant.flow, "output": output }))
    }
}
