//! Effects: recorded touches of the outside, where they stand in a run, and how they ended.
//!
//! # Why the key comes from the position
//!
//! A retried or resumed step runs from its top and asks for the same effects in the same places.
//! The place is therefore the one thing both tries agree on: the outcome is found by it, and the
//! idempotency key is a hash of it, never of the attempt.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    digest::Digest, failure::Failure, flow::StepName, model::ModelId, payload::PayloadRef,
    time::Timestamp,
};

/// At most this many effects in one StepRun; the error says how to split the step.
pub const EFFECTS_PER_STEP: usize = 1_000;

/// One execution of a step in a run: its name and which visit this is, from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepKey {
    /// The step.
    pub step: StepName,
    /// How often the step had been entered, this time included.
    pub visit: u32,
}

impl StepKey {
    /// Makes the key of a step's visit.
    #[must_use]
    pub fn new(step: impl Into<StepName>, visit: u32) -> Self {
        Self { step: step.into(), visit }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.step, self.visit)
    }
}

/// A text is not a step key or an effect position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPosition(String);

impl fmt::Display for NotAPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a position", self.0)
    }
}

impl std::error::Error for NotAPosition {}

impl FromStr for StepKey {
    type Err = NotAPosition;
    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let bad = || NotAPosition(text.to_owned());
        let (step, visit) = text.rsplit_once('#').ok_or_else(bad)?;
        Ok(Self::new(step, visit.parse().map_err(|_| bad())?))
    }
}

/// One arm of a `join`, `race` or `map`: the ordinal of the call that opened it, and which arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch {
    /// The ordinal the opening call took in its own branch.
    pub ordinal: u32,
    /// The arm, or the item of a `map`, from 0.
    pub arm: u32,
}

/// Where an effect stands: step, visit, branch path, ordinal. Prints as `pay#1:3` or
/// `pay#1:2.0/1`: in the second, arm 0 of the branching call 2, its effect 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectPosition {
    /// The StepRun.
    pub step: StepKey,
    /// The arms that lead to it, outermost first.
    pub branch: Vec<Branch>,
    /// Counted per branch over all effects, in the order they were created, from 0.
    pub ordinal: u32,
}

impl fmt::Display for EffectPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.step)?;
        for Branch { ordinal, arm } in &self.branch {
            write!(f, "{ordinal}.{arm}/")?;
        }
        write!(f, "{}", self.ordinal)
    }
}

impl FromStr for EffectPosition {
    type Err = NotAPosition;
    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let bad = || NotAPosition(text.to_owned());
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| bad());
        let (step, path) = text.rsplit_once(':').ok_or_else(bad)?;
        let mut parts = path.split('/').rev();
        let ordinal = number(parts.next().ok_or_else(bad)?)?;
        let arm = |part: &str| {
            let (ordinal, arm) = part.split_once('.').ok_or_else(bad)?;
            Ok(Branch { ordinal: number(ordinal)?, arm: number(arm)? })
        };
        let branch = parts.rev().map(arm).collect::<Result<_, NotAPosition>>()?;
        Ok(Self { step: step.parse()?, branch, ordinal })
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
as_text!(StepKey, EffectPosition);

impl EffectPosition {
    /// Returns where the calls stand that opened the arms around this effect, outermost first.
    pub fn around(&self) -> impl Iterator<Item = Self> {
        self.branch.iter().enumerate().map(|(depth, opened)| Self {
            step: self.step.clone(),
            branch: self.branch.iter().take(depth).copied().collect(),
            ordinal: opened.ordinal,
        })
    }

    /// Returns whether this effect stands in an arm that was opened there, however deep.
    #[must_use]
    pub fn is_inside(&self, opening: &Self) -> bool {
        let inner = self.branch.strip_prefix(opening.branch.as_slice());
        let entered = inner.and_then(<[Branch]>::first);
        self.step == opening.step && entered.is_some_and(|arm| arm.ordinal == opening.ordinal)
    }

    /// Returns the idempotency key that every attempt of this effect carries.
    ///
    /// `key_root` is the run's: drawn when it starts, kept when it moves, drawn anew for a fork.
    #[must_use]
    pub fn key(&self, key_root: Digest) -> IdempotencyKey {
        let place = self.to_string();
        IdempotencyKey(Digest::of_parts([&key_root.as_bytes()[..], place.as_bytes()]))
    }
}

/// What the other side recognises a repeat by. 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(Digest);

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The kinds of effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// A call of a language model.
    Model,
    /// A call of a tool.
    Tool,
    /// A request to a person.
    Review,
    /// A wait until a time.
    Timer,
    /// A wait for a named signal.
    Signal,
    /// A child run.
    Child,
    /// An event on the bus.
    Emit,
    /// A closure whose result is kept.
    Once,
    /// The time.
    Now,
    /// A random number.
    Random,
    /// Rows written in the step's own transaction.
    Local,
    /// A branch between an old and a new body.
    Patch,
    /// A value from outside that a rule vouched for.
    Endorse,
    /// A scope that was opened: an agent, a crew, a task or a job, with its grants and limits.
    Scope,
}

/// What is asked for at a position; a replay must ask for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectHead {
    /// The kind.
    pub kind: EffectKind,
    /// The model, tool, signal, flow or closure.
    pub name: String,
    /// The digest of the arguments' canonical JSON.
    pub arguments: Digest,
}

impl fmt::Display for EffectHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = format!("{:?}", self.kind).to_lowercase();
        write!(f, "{kind} `{}` with arguments {}", self.name, self.arguments.short())
    }
}

/// How an effect ended. A failed attempt is not an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectOutcome {
    /// It happened, and this is what came back.
    Completed(PayloadRef),
    /// It is known not to have succeeded.
    Failed(Failure),
    /// It was refused before anything was sent.
    Denied(Failure),
    /// It cannot be known whether it happened; a person is asked.
    InDoubt(Failure),
}

/// One try of an effect that did not lead to its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// Which try, from 1.
    pub attempt: u32,
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed.
    pub failure: Failure,
    /// The model that was asked; tries before there were chains, and those of tools, name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_reads_back_what_it_printed() {
        for text in ["pay#1:0", "look_up#12:2.0/1", "a#1:0.999/3.1/7"] {
            assert_eq!(text.parse::<EffectPosition>().unwrap().to_string(), text);
        }
        for text in ["", "pay", "pay#x:1", "pay#1:", "pay#1:1/2"] {
            assert!(text.parse::<EffectPosition>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_depends_on_the_place_and_the_root_and_on_nothing_else() {
        let place: EffectPosition = "pay#1:0".parse().unwrap();
        let other: EffectPosition = "pay#2:0".parse().unwrap();
        let root = Digest::of(b"root");
        assert_eq!(place.key(root), place.clone().key(root));
        assert_ne!(place.key(root), other.key(root));
        assert_ne!(place.key(root), place.key(Digest::of(b"fork")));
    }
}
