//! When a rule fits a request, and what it then answers.

use std::time::Duration;

use mainstay_core::model::{FinishReason, Message, ModelRequest, Role};
use regex::Regex;
use serde_json::Value;

use super::{
    answer::Answer,
    file::{FaultFile, ToolCallFile, UsageFile},
    template::{self, Found},
};

/// A rule, read and found sound.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) condition: Condition,
    pub(super) captures: Vec<(String, Regex)>,
    pub(super) body: Body,
    pub(super) calls: Vec<ToolCallFile>,
    pub(super) reasoning: Option<String>,
    pub(super) finish: Option<FinishReason>,
    pub(super) usage: UsageFile,
    pub(super) latency: Duration,
    pub(super) faults: Vec<FaultFile>,
}

/// What a rule says, before its placeholders are filled.
#[derive(Debug, Clone)]
pub(super) enum Body {
    Nothing,
    Text(String),
    Json(Value),
}

/// What must hold of a request. Texts are lower case.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) output: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) turn: Option<u32>,
    pub(super) system: Vec<String>,
    pub(super) all: Vec<String>,
    pub(super) any: Vec<String>,
    pub(super) none: Vec<String>,
    pub(super) last: Vec<String>,
    pub(super) matches: Option<Regex>,
}

/// A request as rules look at it, prepared once for all of them.
pub(super) struct Question<'r> {
    request: &'r ModelRequest,
    system: String,
    said: String,
    said_lower: String,
    last: String,
    turn: u32,
}

impl<'r> Question<'r> {
    pub(super) fn new(request: &'r ModelRequest) -> Self {
        let theirs = |message: &&Message| message.role != Role::Assistant;
        let said: Vec<_> = request.messages.iter().filter(theirs).map(Message::text).collect();
        let said = said.join("\n");
        let answers = request.messages.iter().filter(|m| m.role == Role::Assistant).count();
        Self {
            request,
            system: request.system.as_deref().unwrap_or_default().to_lowercase(),
            said_lower: said.to_lowercase(),
            said,
            last: request.messages.last().map(Message::text).unwrap_or_default().to_lowercase(),
            turn: u32::try_from(answers).unwrap_or(u32::MAX).saturating_add(1),
        }
    }
}

impl Condition {
    fn holds(&self, question: &Question<'_>) -> bool {
        let in_all =
            |texts: &[String], place: &str| texts.iter().all(|t| place.contains(t.as_str()));
        let in_any =
            |texts: &[String], place: &str| texts.iter().any(|t| place.contains(t.as_str()));
        let output = question.request.output.as_ref().map(|output| &output.name);
        let offers = |name: &String| question.request.tools.iter().any(|tool| tool.name == *name);
        self.output.as_ref().is_none_or(|name| output == Some(name))
            && self.tool.as_ref().is_none_or(offers)
            && self.turn.is_none_or(|turn| turn == question.turn)
            && in_all(&self.system, &question.system)
            && in_all(&self.all, &question.said_lower)
            && (self.any.is_empty() || in_any(&self.any, &question.said_lower))
            && !in_any(&self.none, &question.said_lower)
            && in_all(&self.last, &question.last)
            && self.matches.as_ref().is_none_or(|regex| regex.is_match(&question.said))
    }
}

impl Rule {
    /// Returns the answer, or `None` if the condition does not hold or something that the answer
    /// quotes is not in the question.
    pub(super) fn answer(&self, question: &Question<'_>) -> Option<Answer<'_>> {
        if !self.condition.holds(question) {
            return None;
        }
        let found = self.capture(&question.said)?;
        let text = match &self.body {
            Body::Nothing => String::new(),
            Body::Text(text) => template::fill(text, &found)?,
            Body::Json(value) => template::fill_value(value, &found)?.to_string(),
        };
        let filled = self.calls.iter().map(|call| {
            let arguments = template::fill_value(&call.arguments, &found)?;
            Some(ToolCallFile { arguments, ..call.clone() })
        });
        let calls = filled.collect::<Option<Vec<_>>>()?;
        let natural = if calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
        Some(Answer {
            text,
            calls,
            reasoning: self.reasoning.as_deref(),
            finish: self.finish.unwrap_or(natural),
            usage: self.usage,
            latency: self.latency,
            faults: &self.faults,
        })
    }

    fn capture(&self, said: &str) -> Option<Found> {
        let found = self.captures.iter().map(|(name, regex)| {
            let group = regex.captures(said)?.get(1)?;
            Some((name.clone(), group.as_str().to_owned()))
        });
        found.collect()
    }
}
