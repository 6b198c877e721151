//! A crew at work: wave by wave, each task in a scope of its own.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    effects::{Asked, Effects, Scope, ScopeKind, all},
    failure::Failure,
    tool::Grants,
};
use serde::{Deserialize, Serialize};

use super::{
    definition::{Crew, Process, Task},
    order::waves,
    output::{CrewOutput, Known, TaskOutput},
    perform::Performance,
    rules::Rules,
};

/// What a crew begins with, kept in the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Beginning {
    protocol: u32,
    crew: Crew,
    /// The place of the first task to do.
    from: usize,
    /// The outputs of those before it.
    earlier: Vec<TaskOutput>,
    /// The tools it needs and could not call when it began.
    out_of_reach: Vec<String>,
}

/// What is asked for in which order; a crew goes on by the one it began by.
const PROTOCOL: u32 = 1;

impl Crew {
    /// Does every task, in a scope of the crew's own.
    ///
    /// The future fails where a task has no answer that counts, and before anything is asked where
    /// the crew is not sound (`MS-1121`) or needs a tool that is not granted (`MS-5002`). What
    /// reaches a limit is no failure: the run parks, and goes on where it was.
    #[must_use]
    pub fn work(
        &self,
        on: Arc<dyn Effects>,
        rules: &Rules,
    ) -> Asked<'static, Result<CrewOutput, Failure>> {
        Box::pin(begin(self.clone(), on, rules.clone(), 0, Vec::new()))
    }

    /// Does the task `from` and those after it, given the outputs of those before it.
    ///
    /// The future fails like that of [`Self::work`], and where there is no such task or an earlier
    /// output is missing.
    #[must_use]
    pub fn replay(
        &self,
        on: Arc<dyn Effects>,
        rules: &Rules,
        from: &str,
        earlier: &[TaskOutput],
    ) -> Asked<'static, Result<CrewOutput, Failure>> {
        match self.earlier(from, earlier) {
            Ok((from, earlier)) => Box::pin(begin(self.clone(), on, rules.clone(), from, earlier)),
            Err(failure) => Box::pin(std::future::ready(Err(failure))),
        }
    }

    fn earlier(
        &self,
        from: &str,
        outputs: &[TaskOutput],
    ) -> Result<(usize, Vec<TaskOutput>), Failure> {
        let invalid = |why| Failure::permanent(Code::CrewInvalid, why);
        let Some(place) = self.tasks.iter().position(|task| task.name == from) else {
            let names = self.tasks.iter().map(|task| task.name.as_str());
            let hint = mainstay_core::flow::check::near::hint(from, names);
            return Err(invalid(format!("there is no task `{from}`; {hint}")));
        };
        let found = self.tasks.iter().take(place).map(|task| {
            let output = outputs.iter().find(|output| output.name == task.name).cloned();
            output.ok_or_else(|| invalid(format!("the output of `{}` is missing", task.name)))
        });
        Ok((place, found.collect::<Result<_, _>>()?))
    }
}

/// Works for each of these, side by side: CrewAI's kickoff for each input. One that fails stops no
/// other.
#[must_use]
pub fn work_for_each(
    crews: &[Crew],
    on: &Arc<dyn Effects>,
    rules: &Rules,
) -> Asked<'static, Vec<Result<CrewOutput, Failure>>> {
    let arms = on.arms(u32::try_from(crews.len()).unwrap_or(u32::MAX));
    let work: Vec<_> = crews.iter().zip(arms).map(|(crew, arm)| crew.work(arm, rules)).collect();
    all(work)
}

async fn begin(
    crew: Crew,
    on: Arc<dyn Effects>,
    rules: Rules,
    from: usize,
    earlier: Vec<TaskOutput>,
) -> Result<CrewOutput, Failure> {
    let grants = crew.grants();
    let scope = Scope::new(ScopeKind::Crew, &crew.name)
        .with_grants(grants.clone())
        .with_limits(crew.limits);
    let out_of_reach = out_of_reach(&grants, on.as_ref());
    let beginning = Beginning { protocol: PROTOCOL, crew, from, earlier, out_of_reach };
    let pinned = serde_json::to_value(&beginning).map_err(|error| unreadable(&error))?;
    let opened = on.open(scope, pinned).await?;
    let beginning: Beginning =
        serde_json::from_value(opened.pinned).map_err(|error| unreadable(&error))?;
    if beginning.protocol != PROTOCOL {
        let (began, speaks) = (beginning.protocol, PROTOCOL);
        let why = format!("the crew began by protocol {began}, and this program speaks {speaks}");
        return Err(Failure::permanent(Code::Divergence, why));
    }
    beginning.check(&rules)?;
    run(&beginning, &opened.effects, &rules).await
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::permanent(Code::Bug, format!("a crew's beginning does not read back: {error}"))
}

fn out_of_reach(grants: &Grants, on: &dyn Effects) -> Vec<String> {
    let there: Grants = on.tools().into_iter().map(|spec| spec.name).collect();
    grants.iter().filter(|name| !there.allow(name)).map(ToOwned::to_owned).collect()
}

impl Beginning {
    /// Refuses a crew that cannot work, before anything is spent.
    fn check(&self, rules: &Rules) -> Result<(), Failure> {
        self.crew.check()?;
        if let Some(missing) = rules.missing(&self.crew).first() {
            let why = format!("the crew `{}`: {missing}", self.crew.name);
            return Err(Failure::permanent(Code::CrewInvalid, why));
        }
        if self.out_of_reach.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.out_of_reach.iter().map(String::as_str).collect();
        let list = mainstay_core::flow::check::near::list(&names);
        let why = format!(
            "the crew `{}` needs {list}: not granted to the step, or not there",
            self.crew.name
        );
        Err(Failure::permanent(Code::ToolNotGranted, why))
    }
}

/// Does the tasks, wave by wave.
async fn run(
    beginning: &Beginning,
    on: &Arc<dyn Effects>,
    rules: &Rules,
) -> Result<CrewOutput, Failure> {
    let crew = &beginning.crew;
    let mut outputs = beginning.earlier.clone();
    for wave in waves(&crew.tasks) {
        let due: Vec<&Task> = wave
            .iter()
            .filter(|place| **place >= beginning.from)
            .filter_map(|place| crew.tasks.get(*place))
            .collect();
        let arms = on.arms(u32::try_from(due.len()).unwrap_or(u32::MAX));
        let work: Vec<_> = due
            .iter()
            .zip(arms)
            .map(|(task, arm)| do_task(crew, task, arm, rules, &outputs))
            .collect::<Result<_, _>>()?;
        // Those beside a task that fails end too, and are in the journal.
        for done in all(work).await {
            outputs.push(done?);
        }
    }
    Ok(CrewOutput::of(outputs))
}

/// Begins a task, unless its condition does not hold.
fn do_task(
    crew: &Crew,
    task: &Task,
    on: Arc<dyn Effects>,
    rules: &Rules,
    outputs: &[TaskOutput],
) -> Result<Asked<'static, Result<TaskOutput, Failure>>, Failure> {
    let holds = task.condition.as_ref().map_or(Ok(true), |condition| {
        condition.holds(&Known { outputs, rules }).map_err(|name| {
            let why = format!("no condition `{name}` is registered");
            Failure::permanent(Code::CrewInvalid, why)
        })
    })?;
    if !holds {
        let agent = task.agent.as_deref().unwrap_or(match &crew.process {
            Process::Sequential => "",
            Process::Hierarchical { manager } => &manager.agent.name,
        });
        let skipped = TaskOutput::skipped(&task.name, agent);
        return Ok(Box::pin(std::future::ready(Ok(skipped))));
    }
    Ok(Performance::new(crew, task, rules, outputs)?.start(on))
}
