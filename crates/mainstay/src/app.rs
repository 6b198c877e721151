//! A program built on Mainstay: its flows, its tools, its models, and the whole command line.

use std::{fmt, process::ExitCode, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use mainstay_agents::{
    intent::{Intents, PatternError, Target},
    prompt::Prompts,
};
use mainstay_core::{
    allowance::Cap,
    endorse::Endorsements,
    failure::StepError,
    model::{ModelId, Provider},
};
use mainstay_engine::{
    flows::Flows,
    program::{Flow, FlowProgram},
};
use mainstay_tools::{Resources, ToolSet, transport::process::jail};
use serde_json::Value;

use crate::{cli, database::DatabaseUrl, demo::Demo};

type Open =
    Box<dyn FnOnce(Surroundings, Resources) -> BoxFuture<'static, Result<Resources, StepError>>>;

/// What a program's own resources may want to know when they are opened.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The database that runs live in.
    pub database: DatabaseUrl,
}

/// A program: flows, tools and models under one command line.
///
/// ```no_run
/// # use mainstay::prelude::*;
/// # #[derive(Default, Serialize, Deserialize, JsonSchema)] struct Greet { name: String }
/// # #[flow(name = "greet", version = 1)]
/// # impl Greet { #[start] async fn hello(&self) -> Result<String> { Ok(self.name.clone()) } }
/// fn main() -> std::process::ExitCode {
///     mainstay::App::new().flow::<Greet>().main()
/// }
/// ```
#[derive(Default)]
#[must_use = "a program does nothing until `main`"]
pub struct App {
    pub(crate) about: Option<&'static str>,
    pub(crate) flows: Flows,
    pub(crate) tools: ToolSet,
    pub(crate) resources: Resources,
    pub(crate) opens: Vec<Open>,
    pub(crate) models: Vec<Arc<dyn Provider>>,
    pub(crate) default_model: Option<ModelId>,
    pub(crate) budgets: Vec<Cap>,
    pub(crate) prompts: Prompts,
    pub(crate) endorsements: Endorsements,
    pub(crate) demo: Option<Arc<dyn Demo>>,
}

impl App {
    /// Begins a program without flows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the line under the program's name in `--help`.
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// Adds a flow.
    pub fn flow<F: Flow>(self) -> Self {
        self.program(F::program())
    }

    /// Adds a flow that was put together otherwise, such as an older version that still has runs.
    pub fn program(mut self, program: Arc<dyn FlowProgram>) -> Self {
        self.flows.add(program);
        self
    }

    /// Adds tools.
    pub fn tools(mut self, tools: ToolSet) -> Self {
        self.tools = self.tools.and(tools);
        self
    }

    /// Adds something that tools work on; a tool asks for it by its type.
    pub fn resource<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.resources = self.resources.with(value);
        self
    }

    /// Adds something that tools work on and that has to be opened first. It is opened only by
    /// commands that drive runs.
    pub fn resource_async<T, F, W, E>(mut self, open: F) -> Self
    where
        T: Send + Sync + 'static,
        F: FnOnce(Surroundings) -> W + 'static,
        W: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<StepError>,
    {
        let add = |surroundings, resources: Resources| {
            open(surroundings).map(|opened| Ok(resources.with(opened.map_err(Into::into)?))).boxed()
        };
        self.opens.push(Box::new(add));
        self
    }

    /// Adds a provider of models, before the vendors that the environment opens.
    pub fn model(mut self, provider: impl Provider + 'static) -> Self {
        self.models.push(Arc::new(provider));
        self
    }

    /// Says what every tier stands for when neither the command line nor the environment does.
    pub fn default_model(mut self, model: ModelId) -> Self {
        self.default_model = Some(model);
        self
    }

    /// Limits what runs may use together in a day or a month, across all workers.
    ///
    /// ```
    /// # use mainstay::{App, budget::{Cap, CapScope, Limits, Period, Whose}};
    /// let tenants = CapScope { tenant: Whose::Each, ..CapScope::default() };
    /// let twenty = Limits { usd: Some(20_000_000), ..Limits::none() };
    /// let app = App::new().budget(Cap::new(tenants, Period::Day, twenty)?);
    /// # Ok::<(), mainstay::budget::CapError>(())
    /// ```
    pub fn budget(mut self, cap: Cap) -> Self {
        self.budgets.push(cap);
        self
    }

    /// Adds a rule that vouches for values from outside: those that fit its JSON Schema may be acted
    /// on. It should leave nothing to choose: a list of values, an id of a fixed form.
    ///
    /// ```
    /// # use mainstay::App;
    /// let app = App::new().endorse("order id", serde_json::json!({ "pattern": "^[0-9]{4}$" }));
    /// ```
    pub fn endorse(mut self, rule: impl Into<String>, schema: Value) -> Self {
        self.endorsements = std::mem::take(&mut self.endorsements).with(rule, schema);
        self
    }

    /// Adds the prompts that `prompts ls`, `show` and `diff` print.
    pub fn prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = self.prompts.and(prompts);
        self
    }

    /// Returns what says which of this program's flows a request in words is for: `ask` uses it, and
    /// a test may measure it.
    ///
    /// # Errors
    /// A flow declares a pattern that cannot be read.
    pub fn intents(&self) -> Result<Intents, PatternError> {
        let newest = self.flows.iter().filter(|flow| {
            let name = &flow.version.name;
            self.flows.latest(name).is_some_and(|latest| latest.version == flow.version)
        });
        Intents::new(newest.map(|flow| target(&*flow.program)).collect())
    }

    /// Sets what `demo` shows.
    pub fn demo(mut self, demo: impl Demo + 'static) -> Self {
        self.demo = Some(Arc::new(demo));
        self
    }

    /// Runs the command line of this process.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let arguments: Vec<_> = std::env::args_os().collect();
        // A tool's sandbox is this program again: it reads nothing and starts no thread first.
        if let [_, verb, order] = arguments.as_slice()
            && verb == jail::VERB
        {
            return jail::enter(&order.to_string_lossy());
        }
        self.run(arguments).into()
    }

    /// Runs a command line and returns how it ends.
    pub(crate) fn run<I, T>(self, arguments: I) -> cli::exit::Exit
    where
        I: IntoIterator<Item = T>,
        T: Into<std::ffi::OsString> + Clone,
    {
        cli::run(self, arguments)
    }
}

fn target(program: &dyn FlowProgram) -> Target {
    let definition = program.definition();
    Target {
        flow: definition.name.clone(),
        description: definition.description.clone(),
        schema: definition.state_schema.clone(),
        default: program.initial(&Value::Null).unwrap_or_default(),
        intent: program.intent(),
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("flows", &self.flows)
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
