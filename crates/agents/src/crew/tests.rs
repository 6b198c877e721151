//! Crews at work on a scripted outside.

mod delegation;
mod fixtures;
mod judging;
mod order;
mod recovery;

use std::{
    future::Future,
    pin::pin,
    task::{Context as Polled, Poll, Waker},
};

use mainstay_core::{
    code::Code,
    failure::Failure,
    model::{ModelReply, ModelRequest},
    tool::{Grants, ToolOutcome, ToolSpec},
};
use serde_json::{Value, json};

use super::{Crew, CrewOutput, Member, Rules, Task};
use crate::{
    agent::Agent,
    testing::{Fake, says},
};

/// Runs until nothing is left to wait for, or everything has stopped.
fn now<T>(work: impl Future<Output = T>) -> Option<T> {
    match pin!(work).poll(&mut Polled::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn work(fake: &Fake, crew: &Crew, rules: &Rules) -> Result<CrewOutput, Failure> {
    now(crew.work(fake.effects(), rules)).expect("nothing is left to wait for")
}

fn done(fake: &Fake, crew: &Crew) -> CrewOutput {
    work(fake, crew, &Rules::new()).unwrap()
}

fn fails(fake: &Fake, crew: &Crew) -> Failure {
    work(fake, crew, &Rules::new()).unwrap_err()
}

/// An agent called after its role, with tools.
fn member(name: &str, tools: &[&str]) -> Member {
    let agent = Agent::new(name, format!("The {name}"), "do it well");
    agent.with_grants(tools.iter().copied().collect::<Grants>()).into()
}

fn task(name: &str, agent: &str) -> Task {
    Task::new(name, format!("Do the {name}."), "an answer").with_agent(agent)
}

fn crew(members: impl IntoIterator<Item = Member>, tasks: impl IntoIterator<Item = Task>) -> Crew {
    let crew = members.into_iter().fold(Crew::new("desk"), Crew::with_member);
    tasks.into_iter().fold(crew, Crew::with_task)
}

fn tool(name: &str) -> ToolSpec {
    ToolSpec::new(name, json!({ "type": "object" }))
}

/// An outside with the tools `look` and `pay`, whose model is the function.
fn outside(
    model: impl Fn(&ModelRequest) -> Result<ModelReply, Failure> + Send + Sync + 'static,
) -> Fake {
    Fake::new(model)
        .with_tool(tool("look"), |_| ToolOutcome::of(json!("17 papers")))
        .with_tool(tool("pay"), |_| ToolOutcome::of(json!("receipt 7")))
}

/// Who is asked, by the role in the instructions.
fn who(request: &ModelRequest) -> String {
    let system = request.system.as_deref().unwrap_or_default();
    let role = system.strip_prefix("You are The ").unwrap_or("judge");
    role.split('.').next().unwrap_or_default().to_owned()
}

/// What was said first: the task with its context.
fn opening(request: &ModelRequest) -> String {
    request.messages[0].text()
}

/// How many turns of the agent lie behind.
fn turn(request: &ModelRequest) -> usize {
    request.messages.len() / 2 + 1
}

/// Everything that was said.
fn said(request: &ModelRequest) -> String {
    request.messages.iter().map(mainstay_core::model::Message::text).collect::<Vec<_>>().join("\n")
}

fn echo(request: &ModelRequest) -> Result<ModelReply, Failure> {
    let asked = opening(request);
    Ok(says(format!("{} did: {}", who(request), asked.lines().next().unwrap_or_default())))
}

fn names(tools: &[(String, Value)]) -> Vec<&str> {
    tools.iter().map(|(name, _)| name.as_str()).collect()
}

fn code(failure: &Failure) -> Code {
    failure.code
}
