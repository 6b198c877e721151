//! What every command gets: the program, the settings, the streams, the database.

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use mainstay_core::{
    breaker::BreakerPolicy,
    code::Code,
    model::ModelId,
    port::Clock,
    store::Store,
    time::Timestamp,
    tool::{
        ToolCatalog, ToolSpec,
        two::{AllThree, all_three},
    },
};
use mainstay_engine::{
    flows::Flows,
    program::Flow,
    runtime::{Options, Runtime},
    system::{OsEntropy, SystemClock},
};
use mainstay_tools::{Resources, ToolSet, transport::worker::Hub};

use super::{Global, error::CliError, exit::Exit, output::Output};
use crate::{
    app::{App, Surroundings},
    ask::Ask,
    budget::Cap,
    call,
    config::{self, Settings},
    database::{DEFAULT, DatabaseUrl, Purpose},
    job, models,
    remote::{self, agreed},
    toolbox,
};

/// A command's surroundings.
pub(crate) struct Shell {
    pub(crate) app: App,
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    /// The calls for workers in other processes, once something drives.
    pub(crate) hub: Option<Arc<Hub>>,
    db: Option<String>,
}

impl Shell {
    pub(crate) fn new(app: App, settings: Settings, output: Output, global: &Global) -> Self {
        Self { app, settings, output, hub: None, db: global.db.clone() }
    }

    /// Returns the database: `--db`, else `DATABASE_URL`, else a file in the current folder.
    pub(crate) fn database(&self) -> Result<DatabaseUrl, CliError> {
        let said = self.db.as_deref().or(self.settings.database_url.as_deref());
        DatabaseUrl::read(said.unwrap_or(DEFAULT))
    }

    /// Returns the database of `demo`, which leaves the one of the environment alone.
    pub(crate) fn own_database(&self) -> Option<Result<DatabaseUrl, CliError>> {
        self.db.as_deref().map(DatabaseUrl::read)
    }

    pub(crate) async fn store(&self, purpose: Purpose) -> Result<Arc<dyn Store>, CliError> {
        self.database()?.open(purpose).await
    }

    /// Returns a runtime that looks and tells, and cannot drive.
    pub(crate) async fn reader(&self) -> Result<Runtime, CliError> {
        let store = self.store(Purpose::Read).await?;
        // Whoever only looks calls no tool, so no document is read and no server asked.
        let tools = mainstay_tools::Registry::new(Resources::new(), Arc::new(SystemClock));
        self.runtime(store, models::none(&self.settings.models), tools)
    }

    /// Returns a runtime with the program's tools and models, which drives. Their resources are
    /// opened now, once.
    pub(crate) async fn driver(
        &mut self,
        database: &DatabaseUrl,
        model: Option<&ModelId>,
    ) -> Result<Runtime, CliError> {
        let app = &self.app;
        let catalog =
            models::catalog(&app.models, app.default_model.as_ref(), &self.settings.models, model)?;
        let store = database.open(Purpose::Drive).await?;
        let mut resources = self.app.resources.clone();
        for open in std::mem::take(&mut self.app.opens) {
            let surroundings = Surroundings { database: database.clone() };
            resources = open(surroundings, resources).await.map_err(|error| {
                let failure = error.into_failure();
                CliError::new(failure.code, failure.message)
            })?;
        }
        let tools = self.own_tools()?;
        let tools = toolbox::open(&self.settings, tools, resources).await?;
        let mut runtime = self.runtime(store, catalog, tools)?;
        let specs = runtime.tools.specs();
        rule_of_two(&self.app.flows, &specs)?;
        for flow in self.app.flows.iter() {
            agreed::grants(flow.program.definition(), &specs)?;
        }
        runtime.options.proof_dir = Some(database.proof_dir());
        Ok(runtime)
    }

    /// Returns the tools there are, to be looked at and not called.
    pub(crate) async fn tools(&mut self) -> Result<mainstay_tools::Registry, CliError> {
        let tools = self.own_tools()?;
        toolbox::open(&self.settings, tools, Resources::new()).await
    }

    /// Returns when breakers open, of each tool that declares it. No server is asked.
    pub(crate) async fn breakers(&mut self) -> Result<BTreeMap<String, BreakerPolicy>, CliError> {
        let tools = self.own_tools()?;
        let known = toolbox::known(&self.settings, tools, Resources::new()).await?;
        let declared = known.specs().into_iter().map(|spec| (spec.name, spec.breaker));
        let declared = declared.chain(self.settings.mcp.breakers());
        Ok(declared.filter_map(|(tool, breaker)| Some((tool, breaker?))).collect())
    }

    /// Takes the program's own tools, and what its workers in other processes serve.
    fn own_tools(&mut self) -> Result<ToolSet, CliError> {
        self.hub = remote::hub(&self.settings)?;
        let tools = std::mem::take(&mut self.app.tools);
        Ok(remote::with_served(tools, self.hub.as_ref()))
    }

    fn runtime(
        &self,
        store: Arc<dyn Store>,
        catalog: mainstay_core::model::ModelCatalog,
        tools: mainstay_tools::Registry,
    ) -> Result<Runtime, CliError> {
        let schema = tools.schema();
        let tools: Arc<dyn ToolCatalog> = Arc::new(tools);
        let options = Options::default();
        let options = match self.settings.lease {
            Some(lease) => options.with_lease(lease),
            None => options,
        };
        let options = Options { drain: self.settings.drain.unwrap_or(options.drain), ..options };
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let flows = self.flows(&tools.specs());
        let policy = config::policy::compile(&self.settings.policy, &tools.specs())?;
        config::policy::check_approvals(&*policy, &tools.specs())?;
        let runtime = Runtime::new(store, clock, entropy, flows, catalog, (tools, schema))
            .with_options(options)
            .with_caps(self.caps())
            .with_endorsements(self.app.endorsements.clone())
            .with_links(self.settings.links.clone());
        Ok(runtime.with_policy(policy))
    }

    /// Returns the caps of the program and of its configuration file: every one of them holds.
    pub(crate) fn caps(&self) -> Vec<Cap> {
        [self.app.budgets.as_slice(), self.settings.budgets.as_slice()].concat()
    }

    /// Returns the program's flows, and the built-in ones that its tools make possible.
    fn flows(&self, specs: &[ToolSpec]) -> Flows {
        let mut flows = self.app.flows.clone();
        // Whoever drives goes on with requests that were unclear, too.
        flows.add(Ask::program());
        let tools = specs.iter().filter(|spec| !spec.is_step());
        let names: Vec<_> = tools.map(|spec| spec.name.clone()).collect();
        if names.is_empty() {
            return flows;
        }
        flows.add(call::program(names.clone()));
        if flows.latest(job::NAME).is_none() {
            flows.add(job::program(names));
        }
        flows
    }

    /// Returns what time it is, by this machine.
    pub(crate) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Returns who decides, tops up and cancels unless told otherwise.
    pub(crate) fn person(&self, by: Option<String>) -> String {
        by.or_else(|| self.settings.user.clone()).unwrap_or_else(|| "unknown".to_owned())
    }
}

/// Refuses steps whose grants break the rule of two.
fn rule_of_two(flows: &Flows, specs: &[ToolSpec]) -> Result<(), CliError> {
    for flow in flows.iter() {
        for step in &flow.program.definition().steps {
            let granted: Vec<_> =
                specs.iter().filter(|spec| step.options.grants.contains(&spec.name)).collect();
            if let Some(AllThree { untrusted, private, reaches_out }) = all_three(&granted) {
                let (flow, step) = (&flow.version, &step.name);
                let why = format!(
                    "step `{step}` of {flow} may read untrusted text (`{untrusted}`), see private \
                     data (`{private}`) and reach outside without leave (`{reaches_out}`)"
                );
                return Err(CliError::new(Code::RuleOfTwo, why).with_hint(format!(
                    "give `{reaches_out}` an approval: `approval = \"label.untrusted\"`"
                )));
            }
        }
    }
    Ok(())
}

/// A reader that hangs up early, such as `head`, is no failure; a full disk is.
impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        let told = Self::new(Code::InvalidArgument, format!("standard output: {error}"));
        let hung_up = error.kind() == ErrorKind::BrokenPipe;
        Self { exit: if hung_up { Exit::Ok } else { Exit::Failed }, ..told }
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::{
        label::{Label, Principal, Readers},
        tool::EffectClass,
    };
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_that_could_read_see_and_act_is_refused_when_the_program_starts() {
        let reads = |name: &str, label| {
            let spec = ToolSpec::new(name, json!({})).with_effect(EffectClass::Read);
            spec.with_result_label(label)
        };
        let ann = Readers::only([Principal::new("ann")]);
        let crm = reads("crm", Label::TRUSTED.with_readers(ann));
        let send = ToolSpec::new("send", json!({})).with_result_label(Label::TRUSTED);
        let specs = [reads("web", Label::UNTRUSTED), crm, send];
        let mut flows = Flows::default();
        flows.add(call::program(specs.iter().map(|spec| spec.name.clone())));
        let refused = rule_of_two(&flows, &specs).unwrap_err();
        assert_eq!(refused.code, Code::RuleOfTwo);
        for named in ["`web`", "`crm`", "`send`", "`call`"] {
            assert!(refused.message.contains(named), "{}", refused.message);
        }
        let [web, crm, send] = specs;
        let gated = [web, crm, send.with_approval("label.untrusted")];
        assert!(rule_of_two(&flows, &gated).is_ok());
    }
}
