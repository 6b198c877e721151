//! The intent router: which flow a request in words is for, and the input that can be read from it.
//!
//! Cheapest first. A **rule** that its author declared decides at once. Else a small **classifier**
//! over the flows' examples and descriptions decides, if it is sure enough by its own record
//! ([`Confidence`]). Else it is unclear, and [`settle`] puts it before a person: the fast tier may be
//! asked for a suggestion first, and what a model says of itself counts for nothing.
//!
//! The request is untrusted. It is [marked](crate::mark) where a model reads it, no tool is offered,
//! and all that can come of it is the name of a registered flow with an input that fits the flow's
//! schema.

mod calibration;
mod classifier;
mod confidence;
mod input;
mod pattern;
mod question;
mod settle;
mod suggest;
mod words;

use mainstay_core::{flow::intent::Intent, schema::SchemaCheck};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{classifier::Classifier, pattern::Pattern};
pub use self::{
    confidence::{Basis, Confidence},
    pattern::PatternError,
    question::question,
    settle::settle,
};

/// The confidence from which a request is routed without asking, when nobody sets another: at least
/// seven of ten such requests were for that flow, where half of all requests are for none.
pub const DEFAULT_THRESHOLD: f64 = 0.7;

/// The most candidates a question names.
const MOST_CANDIDATES: usize = 3;

/// A flow that requests may be for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The flow's name.
    pub flow: String,
    /// What it does, in one line.
    pub description: String,
    /// JSON Schema of its state; an input is laid over the default state, so no field is required.
    pub schema: Value,
    /// The default state, which an input is laid over; null where nobody knows it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub default: Value,
    /// What people say when they want it.
    #[serde(default, skip_serializing_if = "Intent::is_silent")]
    pub intent: Intent,
}

/// What chose a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A pattern that the flow's author declared.
    Rule,
    /// The classifier.
    Classifier,
    /// A model.
    Model,
    /// A person who was asked.
    Person,
}

impl By {
    /// Returns the word that people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Classifier => "classifier",
            Self::Model => "model",
            Self::Person => "person",
        }
    }
}

/// A flow with the input that was read for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Routed {
    /// The flow.
    pub flow: String,
    /// The input: what was read, laid over the flow's default state. It fits the flow's schema as
    /// far as it goes.
    pub input: Value,
    /// How sure that is.
    pub confidence: Confidence,
    /// What chose it.
    pub by: By,
}

/// What a request is for, as far as code can say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Answer {
    /// This flow.
    Routed(Routed),
    /// One of these, likeliest first; a person has to say which.
    Unclear {
        /// What to ask.
        question: String,
        /// The candidates.
        candidates: Vec<Routed>,
    },
    /// Nothing that is registered, as far as the examples tell.
    Unknown {
        /// The flows that are there, likeliest first.
        candidates: Vec<Routed>,
    },
}

/// The flows that requests may be for, ready to be asked.
#[derive(Debug, Clone)]
pub struct Intents {
    targets: Vec<Target>,
    rules: Vec<Vec<Pattern>>,
    captures: Vec<Vec<Pattern>>,
    classifier: Classifier,
    threshold: f64,
}

impl Intents {
    /// Reads what the flows' authors declared, and lets the classifier learn from the examples.
    ///
    /// # Errors
    /// A pattern cannot be read.
    pub fn new(targets: Vec<Target>) -> Result<Self, PatternError> {
        let all = |of: fn(&Intent) -> &Vec<String>| -> Result<Vec<Vec<Pattern>>, PatternError> {
            let read = |target: &Target| {
                of(&target.intent).iter().map(|text| Pattern::read(&target.flow, text)).collect()
            };
            targets.iter().map(read).collect()
        };
        Ok(Self {
            rules: all(|intent| &intent.rules)?,
            captures: all(|intent| &intent.captures)?,
            classifier: Classifier::of(&targets),
            targets,
            threshold: DEFAULT_THRESHOLD,
        })
    }

    /// Routes without asking only from this confidence on, from 0 to 1.
    #[must_use]
    pub const fn with_threshold(mut self, threshold: f64) -> Self {
        self.threshold = threshold;
        self
    }

    /// Returns the flows.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Says what a request is for: by rule, else by the classifier if it is sure enough.
    #[must_use]
    pub fn answer(&self, text: &str, check: &dyn SchemaCheck) -> Answer {
        let ruled: Vec<_> = (0..self.targets.len()).filter(|i| self.rule_fits(*i, text)).collect();
        if let [one] = ruled[..] {
            let routed = self.routed(one, text, Confidence::declared(), By::Rule, check);
            return routed.map_or(Answer::Unknown { candidates: Vec::new() }, Answer::Routed);
        }
        let found = self.classifier.classify(text);
        let candidates: Vec<_> = found
            .ranked
            .iter()
            // Where rules of several flows fit, one of those is meant.
            .filter(|i| ruled.is_empty() || ruled.contains(i))
            .enumerate()
            .filter_map(|(place, i)| {
                let sure = if place == 0 && ruled.is_empty() {
                    found.confidence
                } else {
                    Confidence::none()
                };
                self.routed(*i, text, sure, By::Classifier, check)
            })
            .take(MOST_CANDIDATES)
            .collect();
        if !found.is_known && ruled.is_empty() {
            return Answer::Unknown { candidates };
        }
        match candidates.first() {
            Some(first) if first.confidence.value >= self.threshold => {
                Answer::Routed(first.clone())
            }
            _ => self.unclear(candidates),
        }
    }

    fn unclear(&self, candidates: Vec<Routed>) -> Answer {
        Answer::Unclear { question: question(&candidates, &self.targets), candidates }
    }

    fn rule_fits(&self, target: usize, text: &str) -> bool {
        self.rules.get(target).is_some_and(|rules| rules.iter().any(|rule| rule.fits(text)))
    }

    fn routed(
        &self,
        target: usize,
        text: &str,
        confidence: Confidence,
        by: By,
        check: &dyn SchemaCheck,
    ) -> Option<Routed> {
        let flow = self.targets.get(target)?;
        let patterns = [self.rules.get(target), self.captures.get(target)];
        let patterns = patterns.into_iter().flatten().flatten();
        let read = patterns.flat_map(|pattern| pattern.read_from(text));
        let input = flow.complete(&input::input(&flow.schema, read, check));
        Some(Routed { flow: flow.flow.clone(), input, confidence, by })
    }
}

#[cfg(test)]
mod tests;
