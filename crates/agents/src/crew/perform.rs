//! One task: who does it, with which tools, knowing what; and what came of it.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    effects::{Asked, Effects, Scope, ScopeKind},
    failure::Failure,
};
use serde_json::Value;

use super::{
    coworkers::Coworkers,
    definition::{Context, Crew, Format, Member, OnToolFailure, Task},
    judge::Judges,
    output::{TaskOutput, TaskStatus},
    rules::Rules,
    tally::{Count, Tally},
    untold::Untold,
};
use crate::agent::{AgentReply, Assignment, Kit, Source};

/// A task that is about to be done.
pub(super) struct Performance {
    task: Task,
    /// Who answers for it.
    by: Member,
    /// Whether whoever answers for it does the work, or has it done.
    hands: Hands,
    coworkers: Coworkers,
    context: Vec<Source>,
    rules: Rules,
}

/// Who touches tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hands {
    /// The agent itself.
    Own,
    /// Those it delegates to. It is not told of any tool.
    Others,
}

impl Performance {
    /// Finds out who does a task and what it is given.
    ///
    /// # Errors
    /// `MS-1121`: nobody does it.
    pub(super) fn new(
        crew: &Crew,
        task: &Task,
        rules: &Rules,
        outputs: &[TaskOutput],
    ) -> Result<Self, Failure> {
        let assigned = task.agent.as_deref().and_then(|name| crew.member(name));
        let assigned = assigned.cloned().map(|member| with_tools(member, task));
        let (by, hands, team) = match (crew.manager(), assigned) {
            (None, Some(member)) => (member, Hands::Own, crew.members.clone()),
            (None, None) => {
                let why = format!("task `{}` has no agent", task.name);
                return Err(Failure::permanent(Code::CrewInvalid, why));
            }
            (Some(manager), Some(member)) => (manager, Hands::Others, vec![member]),
            (Some(manager), None) => {
                let team = crew.members.iter().cloned().map(|member| with_tools(member, task));
                (manager, Hands::Others, team.collect())
            }
        };
        let coworkers = Coworkers {
            by: by.clone(),
            crew: Arc::new(team),
            left: crew.delegations,
            rules: rules.clone(),
            tally: Tally::default(),
        };
        let context = context(task, outputs);
        Ok(Self { task: task.clone(), by, hands, coworkers, context, rules: rules.clone() })
    }

    /// Does it.
    pub(super) fn start(self, on: Arc<dyn Effects>) -> Asked<'static, Result<TaskOutput, Failure>> {
        Box::pin(self.run(on))
    }

    async fn run(self, on: Arc<dyn Effects>) -> Result<TaskOutput, Failure> {
        let scope =
            Scope::new(ScopeKind::Task, &self.task.name).with_grants(self.by.agent.grants.clone());
        // What the task is stands in what the crew pinned.
        let inside = on.open(scope, Value::Null).await?.effects;
        let inside = match self.hands {
            Hands::Own => inside,
            Hands::Others => Arc::new(Untold::new(inside)) as Arc<dyn Effects>,
        };
        let judges = Judges::of_member(&self.by, self.rules.clone(), self.coworkers.tally.clone());
        let kit = Kit {
            judge: judges.and_task(&self.task).into_judge(),
            ..Kit::from(self.coworkers.skills())
        };
        let reply = self.by.agent.work(inside, self.assignment(), kit).await;
        let reply = reply.map_err(|failure| named(&self.task, failure))?;
        self.output(reply)
    }

    fn assignment(&self) -> Assignment {
        let task = &self.task;
        let mut description = task.description.trim().to_owned();
        if task.format == Format::Markdown {
            description.push_str("\n\nWrite your answer in Markdown, without a fence around it.");
        }
        Assignment {
            task: description,
            expected_output: task.expected_output.trim().to_owned(),
            context: self.context.clone(),
            output: task.output.clone(),
            ..Assignment::default()
        }
    }

    fn output(self, reply: AgentReply) -> Result<TaskOutput, Failure> {
        let mut count: Count = Count::default();
        count.add_reply(&reply);
        count.add(self.coworkers.tally.sum());
        let on_failure = self.task.on_tool_failure.unwrap_or(self.by.on_tool_failure);
        if let (OnToolFailure::Fail, Some(trouble)) = (on_failure, count.tool_failures.first()) {
            let why = format!("task `{}`: `{}` {}", self.task.name, trouble.tool, trouble.outcome);
            return Err(Failure::permanent(
                Code::TaskToolFailed,
                format!("{why}: {}", trouble.told),
            ));
        }
        Ok(TaskOutput {
            name: self.task.name,
            agent: self.by.agent.name,
            status: TaskStatus::Done,
            raw: reply.text,
            json: reply.json,
            file: self.task.file,
            integrity: count.integrity,
            usage: count.usage,
            cost: count.cost,
            turns: reply.turns,
            tool_calls: count.tool_calls,
            tool_failures: count.tool_failures,
            retries: reply.sent_back,
            delegations: count.delegations,
        })
    }
}

/// Gives an agent the tools of a task, where the task names any.
fn with_tools(mut member: Member, task: &Task) -> Member {
    if let Some(tools) = &task.tools {
        member.agent.grants = tools.clone();
    }
    member
}

/// Says which task failed.
fn named(task: &Task, failure: Failure) -> Failure {
    let known = failure.message.contains(&format!("task `{}`", task.name));
    if known {
        return failure;
    }
    Failure { message: format!("task `{}`: {}", task.name, failure.message), ..failure }
}

/// Returns what a task is given of the outputs before it.
fn context(task: &Task, outputs: &[TaskOutput]) -> Vec<Source> {
    let given = outputs.iter().filter(|output| {
        output.status == TaskStatus::Done
            && match &task.context {
                Context::Previous => true,
                Context::Named(names) => names.contains(&output.name),
            }
    });
    let source = |output: &TaskOutput| Source {
        name: output.name.clone(),
        text: output.raw.clone(),
        integrity: output.integrity,
    };
    given.map(source).collect()
}
