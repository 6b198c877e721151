//! What an agent is told: who it is, what it is to do, and what it keeps in mind.

use std::fmt::Write;

use mainstay_core::label::Integrity;

use super::{Agent, Assignment};
use crate::{
    mark::Mark,
    memory::{Fact, WorkingMemory},
};

/// What is said last in an agent's last turn.
pub(super) const LAST_TURN: &str =
    "This is your last turn, and no tool can be called any more: give your best answer now.";

/// Returns the instructions that stand above the conversation.
pub(super) fn system(agent: &Agent, mark: &Mark) -> String {
    let mut text = format!("You are {}.\nYour goal: {}\n", agent.role, agent.goal);
    if !agent.backstory.is_empty() {
        text.push_str(&agent.backstory);
        text.push('\n');
    }
    text.push_str(
        "\nCall tools for what you do not know, several at once where they do not depend on each \
         other. A tool that failed has not done what you asked; say so rather than guess. When you \
         have the answer, give it as text without calling a tool.\n",
    );
    text.push_str(mark.instruction());
    text
}

/// Returns the assignment as the conversation begins with it, and what the agent keeps in mind.
pub(super) fn opening(
    assignment: &Assignment,
    memory: &WorkingMemory,
    (turn, turns): (u32, u32),
    mark: &Mark,
) -> String {
    let mut text = assignment.task.clone();
    if !assignment.expected_output.is_empty() {
        part(&mut text, "Expected answer", &assignment.expected_output);
    }
    for source in &assignment.context {
        let said = match source.integrity {
            Integrity::Trusted => source.text.clone(),
            Integrity::Untrusted => mark.span(&source.name, &source.text),
        };
        part(&mut text, &format!("Context: {}", source.name), &said);
    }
    if !memory.is_empty() {
        part(&mut text, "Working memory", &kept(memory, mark));
    }
    part(&mut text, "Turn", &format!("{turn} of {turns}"));
    text
}

fn part(text: &mut String, title: &str, body: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\n\n## {title}\n{body}");
}

fn kept(memory: &WorkingMemory, mark: &Mark) -> String {
    let mut lines = Vec::new();
    let mut list = |title: &str, items: Vec<String>| {
        if !items.is_empty() {
            lines.push(format!("{title}:"));
            lines.extend(items.into_iter().map(|item| format!("- {item}")));
        }
    };
    let of = |integrity| {
        let facts = memory.facts.iter().filter(move |fact| fact.integrity == integrity);
        facts.map(said).collect::<Vec<_>>()
    };
    list("Facts", of(Integrity::Trusted));
    let untrusted = of(Integrity::Untrusted);
    if !untrusted.is_empty() {
        list("Facts from outside", vec![mark.span("facts", &untrusted.join("\n"))]);
    }
    list("Decisions", memory.decisions.clone());
    list("Open questions", memory.open_questions.clone());
    lines.join("\n")
}

fn said(fact: &Fact) -> String {
    format!("{} (source: {})", fact.text, fact.source)
}
