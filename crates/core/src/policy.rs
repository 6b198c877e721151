//! Policy: whether a granted call may be made, as rules that somebody else evaluates.
//!
//! Grants come first and are the default: what is not granted is denied, whatever a policy says. A
//! policy only narrows. It sees who asks, what for, with which arguments and labels; it never sees
//! the conversation, so nothing a model says can argue with it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{budget::Limits, digest::Digest, label::Label, tool::ToolSpec};

/// What a rule does with a call that it applies to, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be made.
    Permit,
    /// It may be made once a person has approved exactly it.
    RequireApproval,
    /// It may not be made. This wins over every other rule.
    Deny,
}

impl Verdict {
    /// Returns the word that tables and configuration use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::RequireApproval => "require_approval",
            Self::Deny => "deny",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asker<'a> {
    /// Whose run it is.
    pub tenant: &'a str,
    /// The flow.
    pub flow: &'a str,
    /// The step.
    pub step: &'a str,
    /// The innermost agent, if one is at work.
    pub agent: Option<&'a str>,
}

/// Where a call stands in a committed plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSlot {
    /// The digest of the plan.
    pub plan: Digest,
    /// Its version, from 1.
    pub version: u32,
    /// The id of its step.
    pub step: String,
}

/// A call that a policy is asked about.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Who asks.
    pub asker: Asker<'a>,
    /// The tool.
    pub tool: &'a ToolSpec,
    /// Its arguments; they fit the schema.
    pub arguments: &'a Value,
    /// The label of everything the arguments are made from.
    pub label: &'a Label,
    /// What is left of everything the call is held to; silent where nothing is limited.
    pub left: &'a Limits,
    /// Where it stands in a plan, if it does.
    pub slot: Option<&'a PlanSlot>,
}

/// A rule that applied, or one of a bundle on trial that would have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The rule's name.
    pub rule: String,
    /// What it says.
    pub verdict: Verdict,
    /// Why, in the rule's own words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a policy says about a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The strictest of what applied.
    pub verdict: Verdict,
    /// The rules that applied, in the bundle's order.
    pub applied: Vec<Applied>,
    /// What the rules in shadow would have made of it, if that is something else. It changes
    /// nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would_be: Option<Verdict>,
}

impl Ruling {
    /// Makes the ruling of a policy without a rule for the call.
    #[must_use]
    pub const fn permit() -> Self {
        Self { verdict: Verdict::Permit, applied: Vec::new(), would_be: None }
    }

    /// Returns the rules that decided, and why.
    #[must_use]
    pub fn because(&self) -> String {
        let decided = self.applied.iter().filter(|applied| applied.verdict == self.verdict);
        let said = decided.map(|Applied { rule, reason, .. }| match reason.as_str() {
            "" => format!("rule `{rule}`"),
            reason => format!("rule `{rule}`: {reason}"),
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

/// Why a policy has no ruling. Whoever asked must not make the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFault(pub String);

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PolicyFault {}

/// Decides on granted calls.
///
/// Asked on the worker's own threads: an answer takes microseconds. Whatever cannot promise that
/// keeps the promise by failing in time.
pub trait Policy: Send + Sync {
    /// Returns the hash of everything that is decided by: it stands at each call.
    fn bundle(&self) -> Digest;

    /// Decides.
    ///
    /// # Errors
    /// There is no ruling, or not in time: the call is denied.
    fn judge(&self, question: &Question<'_>) -> Result<Ruling, PolicyFault>;

    /// Evaluates a tool's own condition for an approval.
    ///
    /// # Errors
    /// It has no value, or not in time: the call is denied.
    fn holds(&self, condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault>;

    /// Says what is wrong with a condition, before anything is asked.
    ///
    /// # Errors
    /// It cannot be read.
    fn sound(&self, condition: &str) -> Result<(), PolicyFault>;
}

/// No rules: whatever is granted is permitted. It reads no conditions either, so a tool with one is
/// denied.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPolicy;

impl Policy for NoPolicy {
    fn bundle(&self) -> Digest {
        Digest::ZERO
    }

    fn judge(&self, _question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        Ok(Ruling::permit())
    }

    fn holds(&self, condition: &str, _question: &Question<'_>) -> Result<bool, PolicyFault> {
        self.sound(condition).map(|()| false)
    }

    fn sound(&self, condition: &str) -> Result<(), PolicyFault> {
        Err(PolicyFault(format!("nothing here reads the condition `{condition}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denial_is_the_strictest_verdict() {
        let all = [Verdict::RequireApproval, Verdict::Deny, Verdict::Permit];
        assert_eq!(all.into_iter().max(), Some(Verdict::Deny));
        assert_eq!(all.into_iter().min(), Some(Verdict::Permit));
    }

    #[test]
    fn a_ruling_says_which_rules_decided() {
        let applied = |rule: &str, verdict, reason: &str| Applied {
            rule: rule.to_owned(),
            verdict,
            reason: reason.to_owned(),
        };
        let rules = vec![
            applied("big", Verdict::Deny, "over 100 USD"),
            applied("any", Verdict::Permit, ""),
            applied("night", Verdict::Deny, ""),
        ];
        let ruling = Ruling { verdict: Verdict::Deny, applied: rules, would_be: None };
        assert_eq!(ruling.because(), "rule `big`: over 100 USD; rule `night`");
    }
}
