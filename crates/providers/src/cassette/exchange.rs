//! The form of a cassette: one JSON document, whose exchanges stand in the order in which they were
//! made. It may be read, compared and edited; only the digests are for the program alone.

use std::fmt;

use mainstay_core::{
    digest::Digest,
    failure::Failure,
    model::{Message, ModelReply, ModelRequest},
};
use serde::{Deserialize, Serialize};

use super::CassetteError;

/// The form that this program writes and reads.
const VERSION: u32 = 1;

/// So many characters of a text are shown.
const SHOWN: usize = 240;

/// What was recorded, in one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The version of the form.
    cassette: u32,
    /// The run it was recorded from.
    pub run: String,
    /// The exchanges, oldest first.
    pub exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// The digest of what was asked, without the model or tier.
    pub request: Digest,
    /// What was asked, for people.
    pub asked: Asked,
    /// What came of it.
    pub answer: Answer,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A reply, with the tokens it took.
    Reply(Box<ModelReply>),
    /// A failure, after every attempt.
    Failure(Failure),
}

/// A request in few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The model or tier that was asked.
    pub model: String,
    /// The beginning of the instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// How many messages the conversation had.
    pub messages: usize,
    /// The end of the last one.
    pub last: String,
    /// The tools that were offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The name of the schema that the answer had to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
}

/// What can be said of a file before its version is known.
#[derive(Deserialize)]
struct Head {
    cassette: u32,
}

impl Recording {
    /// Makes an empty recording of a run.
    #[must_use]
    pub fn new(run: impl Into<String>) -> Self {
        Self { cassette: VERSION, run: run.into(), exchanges: Vec::new() }
    }

    /// Reads a recording from JSON; `file` is the name that errors show.
    ///
    /// # Errors
    /// Not JSON, of another version, or with other fields.
    pub fn parse(file: &str, text: &str) -> Result<Self, CassetteError> {
        let wrong = |problem: String| CassetteError { file: file.to_owned(), problem };
        let unread = |error: serde_json::Error| wrong(error.to_string());
        let Head { cassette } = serde_json::from_str(text).map_err(unread)?;
        if cassette != VERSION {
            return Err(wrong(format!("version {cassette}, and this program reads {VERSION}")));
        }
        serde_json::from_str(text).map_err(unread)
    }

    /// Returns the document.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Nothing in it has keys that are no strings, so there always is one.
        serde_json::to_string_pretty(self).map_or_else(|_| String::new(), |text| text + "\n")
    }
}

impl Exchange {
    /// Makes an exchange that ended with a reply. What was made of the reply here, its price and
    /// its reading as JSON, is made again when it is replayed.
    #[must_use]
    pub fn replied(request: &ModelRequest, reply: ModelReply) -> Self {
        let reply = ModelReply { json: None, cost: None, ..reply };
        Self::new(request, Answer::Reply(Box::new(reply)))
    }

    /// Makes an exchange that failed.
    #[must_use]
    pub fn failed(request: &ModelRequest, failure: Failure) -> Self {
        Self::new(request, Answer::Failure(failure))
    }

    fn new(request: &ModelRequest, answer: Answer) -> Self {
        Self { request: request.question_digest(), asked: Asked::of(request), answer }
    }

    pub(super) fn input_tokens(&self) -> Option<u64> {
        match &self.answer {
            Answer::Reply(reply) => Some(reply.usage.input_tokens),
            Answer::Failure(_) => None,
        }
    }
}

impl Asked {
    pub(super) fn of(request: &ModelRequest) -> Self {
        Self {
            model: request.model.to_string(),
            system: request.system.as_ref().map(|text| text.chars().take(SHOWN).collect()),
            messages: request.messages.len(),
            last: end(&request.messages.last().map(Message::text).unwrap_or_default()),
            tools: request.tools.iter().map(|tool| tool.name.clone()).collect(),
            output: request.output.as_ref().map(|output| output.name.clone()),
        }
    }
}

fn end(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(SHOWN);
    text.chars().skip(skipped).collect()
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.output.as_deref().unwrap_or("text");
        let skipped = self.last.chars().count().saturating_sub(80);
        let last: String = self.last.chars().skip(skipped).collect();
        let last = last.replace(char::is_control, " ");
        write!(f, "a request for `{wanted}` that ends with `{last}`")
    }
}
