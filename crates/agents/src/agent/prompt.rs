//! What an agent is told: who it is, what it is to do, and what it keeps in mind.

use std::fmt::Write;

use mainstay_core::{digest::Digest, label::Integrity, model::PromptRef};

use super::{
    Assignment,
    offer::{Beginning, PROTOCOL},
};
use crate::{
    mark::Mark,
    memory::{Fact, WorkingMemory},
};

/// How an agent is to work that may call something.
const HOW_TO_WORK: &str = "Call tools for what you do not know, several at once where they do not depend on each other. \
     A tool that failed has not done what you asked; say so rather than guess. When you have the \
     answer, give it as text without calling a tool.";

/// What is said last in an agent's last turn.
pub(super) const LAST_TURN: &str =
    "This is your last turn, and no tool can be called any more: give your best answer now.";

/// Returns the instructions that stand above the conversation.
pub(super) fn system(beginning: &Beginning, mark: &Mark) -> String {
    let Beginning { agent, assignment, offers, .. } = beginning;
    let who = format!("You are {}.\nYour goal: {}", agent.role, agent.goal);
    let how = if offers.is_empty() { "" } else { HOW_TO_WORK };
    let parts = [&who, &agent.backstory, &assignment.instructions, how, mark.instruction()];
    let said = parts.into_iter().filter(|part| !part.is_empty());
    said.collect::<Vec<_>>().join("\n\n")
}

/// Returns the prompt that a request of the agent is written from: the author's, or this one.
pub(super) fn reference(assignment: &Assignment) -> PromptRef {
    assignment.prompt.clone().unwrap_or_else(|| PromptRef {
        name: "agent".to_owned(),
        version: PROTOCOL.to_string(),
        hash: Digest::of_parts([HOW_TO_WORK.as_bytes(), LAST_TURN.as_bytes()]),
    })
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
