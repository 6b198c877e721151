//! The rounds of an agent's conversation, and what becomes of those that leave its sight.

use std::collections::VecDeque;

use mainstay_core::{
    label::Integrity,
    model::{Message, ModelReply, ToolCall, ToolResult},
};

use super::Window;
use crate::{
    mark::Mark,
    memory::{Fact, WorkingMemory, Writer},
};

/// So much of a result is kept in mind when its round leaves the window, in characters.
const KEPT_OF_RESULT: usize = 120;

/// One turn of the model and what it was told: calls and their results are never parted.
#[derive(Debug, Clone)]
pub(super) struct Round {
    said: String,
    calls: Vec<ToolCall>,
    answer: RoundAnswer,
}

/// What the model is told after a turn.
#[derive(Debug, Clone)]
pub(super) enum RoundAnswer {
    /// A result for each call, in their order.
    Results(Vec<Told>),
    /// What is wrong with its answer.
    Complaint(String),
}

/// What is told of one call.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) is_error: bool,
    pub(super) integrity: Integrity,
}

impl Told {
    /// Makes what code says of a call.
    pub(super) fn own(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_error: true, integrity: Integrity::Trusted }
    }

    fn marked(&self, tool: &str, mark: &Mark) -> String {
        match self.integrity {
            Integrity::Trusted => self.text.clone(),
            Integrity::Untrusted => mark.span(tool, &self.text),
        }
    }
}

impl Round {
    pub(super) fn new(reply: ModelReply, answer: RoundAnswer) -> Self {
        Self { said: reply.text, calls: reply.tool_calls, answer }
    }

    fn messages(&self, mark: &Mark) -> [Message; 2] {
        match &self.answer {
            RoundAnswer::Results(told) => {
                let results = self.calls.iter().zip(told).map(|(call, told)| ToolResult {
                    call_id: call.id.clone(),
                    name: call.name.clone(),
                    content: told.marked(&call.name, mark),
                    is_error: told.is_error,
                });
                let said = Message::assistant(&self.said, self.calls.clone());
                [said, Message::tool_results(results.collect())]
            }
            RoundAnswer::Complaint(complaint) => {
                // An empty message is refused by some vendors.
                let said = if self.said.is_empty() { "(no text)" } else { &self.said };
                [Message::assistant(said, Vec::new()), Message::user(complaint)]
            }
        }
    }

    /// What is kept in mind of a round that nobody wrote down.
    fn facts(&self) -> Vec<Fact> {
        let RoundAnswer::Results(told) = &self.answer else { return Vec::new() };
        let results =
            self.calls.iter().zip(told).filter(|(call, _)| call.name != super::offer::REMEMBER);
        let fact = |(call, told): (&ToolCall, &Told)| Fact {
            text: told.text.chars().take(KEPT_OF_RESULT).collect(),
            source: format!("{} {}", call.name, call.arguments),
            integrity: told.integrity,
            writer: Writer::Window,
        };
        results.map(fact).collect()
    }
}

/// What an agent and its tools have said to each other, as far as it is in sight.
#[derive(Debug, Clone, Default)]
pub(super) struct Conversation {
    rounds: VecDeque<Round>,
}

impl Conversation {
    /// Adds a round; those that leave the window are kept in mind instead.
    pub(super) fn add(&mut self, round: Round, window: Window, memory: &mut WorkingMemory) {
        self.rounds.push_back(round);
        let Window::Rounds(most) = window else { return };
        let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        while self.rounds.len() > most {
            let left = self.rounds.pop_front();
            left.iter().flat_map(Round::facts).for_each(|fact| memory.keep(fact));
        }
    }

    /// Returns the messages in sight, oldest first: each call with its result.
    pub(super) fn messages(&self, mark: &Mark) -> impl Iterator<Item = Message> {
        self.rounds.iter().flat_map(move |round| round.messages(mark))
    }
}
