//! A crew in CrewAI's files as a flow of one step, so that it runs like any other.

use std::{path::Path, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use mainstay_agents::{
    crew::Rules,
    crewai::{AgentLine, Project, Reading},
};
use mainstay_core::{
    digest::Digest,
    effects::Effects,
    failure::{Failure, StepError},
    flow::{Access, FlowDefinition, StepDefinition, StepKind, StepOptions, Trigger},
    tool::Grants,
};
use mainstay_engine::{
    context::StepContext,
    program::{Caller, FlowProgram, InputError, Inputs, StepDone},
};
use serde_json::{Map, Value, json};

/// How the flow of a crew is called.
pub(crate) const PREFIX: &str = "crew:";

/// A flow `crew:NAME` whose input fills the crew's placeholders and whose output is the crew's.
///
/// Its version is a number made from what the graph depends on: the tools it may call and the
/// inputs it takes. Whatever else stands in the files may change: a crew that has begun goes on as
/// it began.
#[derive(Debug)]
pub struct CrewFlow {
    project: Project,
    rules: Rules,
    definition: FlowDefinition,
}

impl CrewFlow {
    /// Reads the crew in a folder.
    ///
    /// # Errors
    /// `MS-1120` or `MS-1121`: something in the files forbids it; each is named with its place.
    pub fn read(folder: impl AsRef<Path>, reading: &Reading) -> Result<Self, Failure> {
        Self::read_with(folder, reading, Rules::new())
    }

    /// Reads the crew in a folder, with checks and conditions in code that its files may name.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn read_with(
        folder: impl AsRef<Path>,
        reading: &Reading,
        rules: Rules,
    ) -> Result<Self, Failure> {
        let mut reading = reading.clone();
        reading.checks.extend(rules.checks().map(ToOwned::to_owned));
        reading.conditions.extend(rules.conditions().map(ToOwned::to_owned));
        let project = Project::read(folder.as_ref(), &reading)?;
        project.check()?;
        let definition = definition(&project);
        Ok(Self { project, rules, definition })
    }

    /// Returns the flow's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.definition.name
    }
}

fn definition(project: &Project) -> FlowDefinition {
    let report = project.report();
    let state_schema = schema(project);
    let grants = project.grants();
    let step = StepDefinition {
        name: STEP.into(),
        kind: StepKind::Step,
        access: Access::Reads,
        trigger: Trigger::Start,
        inputs: Vec::new(),
        options: StepOptions {
            grants: grants.iter().map(ToOwned::to_owned).collect(),
            ..StepOptions::default()
        },
        finish: true,
        output_schema: json!({ "type": "object" }),
        body: Digest::of(PREFIX.as_bytes()),
        before: Vec::new(),
    };
    FlowDefinition {
        name: format!("{PREFIX}{}", report.name),
        version: version(&state_schema, &grants),
        description: format!("a {} crew from CrewAI's files", report.process),
        state_schema,
        steps: vec![step],
    }
}

fn schema(project: &Project) -> Value {
    let inputs = &project.report().inputs;
    let properties: Map<String, Value> =
        inputs.iter().map(|name| (name.clone(), Value::Bool(true))).collect();
    let defaults = project.defaults();
    let required: Vec<&String> =
        inputs.iter().filter(|name| !defaults.contains_key(*name)).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Returns a number of at most 24 bits, so that people can still read it.
fn version(schema: &Value, grants: &Grants) -> u32 {
    let digest = Digest::of_value(&json!([schema, grants]));
    let [a, b, c, ..] = *digest.as_bytes();
    u32::from_be_bytes([0, a, b, c]).max(1)
}

/// The only step.
const STEP: &str = "work";

impl FlowProgram for CrewFlow {
    fn definition(&self) -> &FlowDefinition {
        &self.definition
    }

    fn callers(&self) -> Vec<Caller> {
        let caller = |agent: &AgentLine| Caller {
            step: STEP.to_owned(),
            who: format!("agent {}", agent.name),
            grants: agent.tools.iter().collect(),
        };
        self.project.report().agents.iter().map(caller).collect()
    }

    fn initial(&self, input: &Value) -> Result<Value, InputError> {
        let wrong = |message| InputError { path: String::new(), message };
        let inputs = match input {
            Value::Null => Map::new(),
            Value::Object(inputs) => inputs.clone(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return Err(wrong("a crew takes its inputs by name, as an object".to_owned()));
            }
        };
        self.project.crew(&inputs).map_err(|failure| wrong(failure.message))?;
        Ok(Value::Object(inputs))
    }

    fn route(&self, router: usize, _: &Value, _: &Inputs) -> Result<String, StepError> {
        Err(StepError::new(format!("step {router} is no router")))
    }

    fn run(
        &self,
        _: usize,
        state: Arc<Value>,
        _: Inputs,
        cx: StepContext,
    ) -> BoxFuture<'static, Result<StepDone, StepError>> {
        let inputs = state.as_object().cloned().unwrap_or_default();
        let work = self.project.crew(&inputs).map(|crew| {
            let on: Arc<dyn Effects> = Arc::new(cx);
            crew.work(on, &self.rules)
        });
        async move {
            let output = work?.await?;
            Ok(StepDone { output: serde_json::to_value(output)?, state: None })
        }
        .boxed()
    }
}
