//! What a policy is made of: rules as data, and what is wrong with them.

use std::{collections::BTreeSet, fmt};

use mainstay_core::{
    digest::Digest,
    policy::{Applied, Ruling, Verdict},
};
use serde::{Deserialize, Serialize};

/// A bundle has at most so many rules: each call is held against all of them.
pub const MOST_RULES: usize = 1_024;

/// What a ruling calls the rule that holds where no other does.
const DEFAULT: &str = "default";

/// Rules on granted calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bundle {
    /// What holds for a granted call to which no rule applies.
    #[serde(rename = "default")]
    pub otherwise: Otherwise,
    /// The rules. Their order decides nothing.
    pub rules: Vec<Rule>,
}

/// What holds for a granted call to which no rule applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It may be made: the grant comes first, and it was given.
    #[default]
    Permit,
    /// It may not be made.
    Deny,
}

impl Otherwise {
    /// Returns what becomes of a call to which these rules apply: the strictest wins.
    pub(super) fn ruling(self, mut applied: Vec<Applied>) -> Ruling {
        if applied.is_empty() && self == Self::Deny {
            let reason = "no rule is about it".to_owned();
            applied.push(Applied { rule: DEFAULT.to_owned(), verdict: Verdict::Deny, reason });
        }
        let strictest = applied.iter().map(|applied| applied.verdict).max();
        Ruling { verdict: strictest.unwrap_or(Verdict::Permit), applied, would_be: None }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique in its bundle; what a ruling names.
    pub name: String,
    /// What becomes of a call that it applies to.
    pub verdict: Verdict,
    /// The tools it is about, by name or as `mail.*`; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// When it applies: a condition in CEL; always when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Why, for whoever is refused and whoever approves.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether it is on trial: it is evaluated and reported, and decides nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

impl Rule {
    /// Makes a rule about every call of every tool.
    #[must_use]
    pub fn new(name: impl Into<String>, verdict: Verdict) -> Self {
        Self {
            name: name.into(),
            verdict,
            tools: None,
            when: None,
            reason: String::new(),
            shadow: false,
        }
    }

    /// Sets the tools it is about.
    #[must_use]
    pub fn about<T: Into<String>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Sets when it applies.
    #[must_use]
    pub fn when(mut self, condition: impl Into<String>) -> Self {
        self.when = Some(condition.into());
        self
    }

    /// Says why.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Puts it on trial.
    #[must_use]
    pub const fn in_shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// Returns whether it is about a tool.
    #[must_use]
    pub fn concerns(&self, tool: &str) -> bool {
        let Some(patterns) = &self.tools else { return true };
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => tool.starts_with(start),
            None => tool == pattern,
        })
    }
}

/// What is wrong with a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleError {
    /// Which rule, from 0; none where it is the bundle.
    pub index: Option<usize>,
    /// The rule's name; empty where it is the bundle.
    pub rule: String,
    /// What is wrong, and where in the condition.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(_) => write!(f, "rule `{}`: {}", self.rule, self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for BundleError {}

impl Bundle {
    /// Returns the digest of everything that is decided by.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_value(self)
    }

    /// Returns the rules that decide.
    pub(super) fn enforced(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| !rule.shadow)
    }

    pub(super) fn has_shadows(&self) -> bool {
        self.rules.iter().any(|rule| rule.shadow)
    }

    /// Says where a rule is at fault.
    pub(super) fn fault(&self, rule: &Rule, message: String, hint: &str) -> BundleError {
        let index = self.rules.iter().position(|other| other.name == rule.name);
        BundleError { index, rule: rule.name.clone(), message, hint: hint.to_owned() }
    }

    /// Checks everything but the conditions.
    pub(super) fn check(&self) -> Result<(), BundleError> {
        if self.rules.len() > MOST_RULES {
            let message = format!("{} rules, and {MOST_RULES} are the most", self.rules.len());
            let hint = "write rules about several tools, with `tools = [\"mail.*\"]`".to_owned();
            return Err(BundleError { index: None, rule: String::new(), message, hint });
        }
        let mut names = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let wrong = |message: &str, hint: &str| BundleError {
                index: Some(index),
                rule: rule.name.clone(),
                message: message.to_owned(),
                hint: hint.to_owned(),
            };
            if rule.name.is_empty() || !names.insert(rule.name.as_str()) {
                return Err(wrong(
                    "has no name, or another rule has it too",
                    "give each rule a name of its own: rulings and reviews print it",
                ));
            }
            check_patterns(rule).map_err(|message| {
                wrong(&message, "write a tool's name, or its beginning as in `mail.*`")
            })?;
        }
        Ok(())
    }
}

/// A pattern that is about nothing is a rule that never applies.
fn check_patterns(rule: &Rule) -> Result<(), String> {
    let Some(patterns) = &rule.tools else { return Ok(()) };
    if patterns.is_empty() {
        return Err("is about no tool".to_owned());
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let sound = |pattern: &&String| {
        let name = pattern.strip_suffix('*').unwrap_or(pattern);
        !pattern.is_empty() && name.bytes().all(allowed)
    };
    match patterns.iter().find(|pattern| !sound(pattern)) {
        Some(pattern) => Err(format!("`{pattern}` is no pattern of tool names")),
        None => Ok(()),
    }
}
