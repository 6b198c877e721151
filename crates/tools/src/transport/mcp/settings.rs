//! What a program says about a server: how it is reached, whether it is believed, and what holds
//! for its tools whatever it says.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, time::Duration};

use mainstay_core::{
    breaker::BreakerPolicy,
    label::Label,
    retry::RetryPolicy,
    secret::{Secret, SecretRef, Secrets},
    tool::{Control, EffectClass, KeyValidity, RateLimit, Reversibility, ToolSpec},
};

/// How long a server may take to start and list its tools.
const START: Duration = Duration::from_secs(30);

/// What stands before a token in a header.
pub(super) const BEARER: &str = "Bearer ";

/// A server.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What its tools' names begin with.
    pub name: String,
    /// What its pinned definitions stand under: the name of a configured server, the address of one
    /// that was only given on a command line.
    pub pinned_as: String,
    /// How it was given on a command line; nothing if it is configured.
    pub given_as: Option<String>,
    /// How it is reached.
    pub reach: Reach,
    /// Whether its hints about effects count.
    pub trust: Trust,
    /// How long one call may take where nothing else is said.
    pub timeout: Option<Duration>,
    /// How long it may take to start and list its tools.
    pub start_timeout: Duration,
    /// For how long it recognises an idempotency key; it does not when absent.
    pub key_valid_for: Option<KeyValidity>,
    /// What holds for single tools, whatever the server says.
    pub tools: BTreeMap<String, Overrides>,
}

impl Settings {
    /// Makes the settings of a server that is not believed.
    #[must_use]
    pub fn new(name: impl Into<String>, reach: Reach) -> Self {
        let name = name.into();
        Self {
            pinned_as: name.clone(),
            given_as: None,
            name,
            reach,
            trust: Trust::Untrusted,
            timeout: None,
            start_timeout: START,
            key_valid_for: None,
            tools: BTreeMap::new(),
        }
    }
}

/// How a server is reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Reach {
    /// As a child of this process, without a shell.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
        /// The whole environment; nothing is inherited.
        env: BTreeMap<String, Given>,
    },
    /// Over streamable HTTP.
    Url {
        /// The address of its endpoint.
        url: String,
        /// Headers of every request.
        headers: BTreeMap<String, Given>,
    },
}

/// A value that is given, or where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The value.
    Text(String),
    /// A reference, resolved where the value is used.
    Secret(SecretRef),
    /// The same, after `Bearer `.
    Bearer(SecretRef),
}

impl Given {
    /// Returns the reference, if there is one.
    pub(super) const fn reference(&self) -> Option<&SecretRef> {
        match self {
            Self::Text(_) => None,
            Self::Secret(reference) | Self::Bearer(reference) => Some(reference),
        }
    }

    /// Returns the value now.
    pub(super) async fn resolve(&self, secrets: &dyn Secrets) -> Result<Secret, String> {
        let (before, reference) = match self {
            Self::Text(text) => return Ok(Secret::new(text.clone())),
            Self::Secret(reference) => ("", reference),
            Self::Bearer(reference) => (BEARER, reference),
        };
        let resolved = secrets.resolve(reference).await;
        let resolved =
            resolved.map_err(|why| format!("`{reference}` cannot be resolved: {why}"))?;
        Ok(Secret::new(format!("{before}{}", resolved.expose())))
    }
}

/// Whether a server's hints about effects count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// They do.
    Trusted,
    /// They do not: every tool acts at most once and cannot be undone.
    #[default]
    Untrusted,
}

/// What holds for one tool, whatever its server says. What is absent is left as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// What repeating a call would do.
    pub effect: Option<EffectClass>,
    /// Whether it can be undone.
    pub reversibility: Option<Reversibility>,
    /// For how long its server recognises its idempotency keys.
    pub key_valid_for: Option<KeyValidity>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How a failed attempt is tried again.
    pub retry: Option<RetryPolicy>,
    /// How often it may be called.
    pub rate: Option<RateLimit>,
    /// How many calls may be under way at once.
    pub concurrency: Option<NonZeroU32>,
    /// Which arguments say what is acted on.
    pub control: Option<Control>,
    /// When a person must approve.
    pub approval: Option<String>,
    /// What is said about its results.
    pub result_label: Option<Label>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// What a call costs, in millionths of a US dollar.
    pub cost: Option<u64>,
    /// When its breaker opens.
    pub breaker: Option<BreakerPolicy>,
    /// Whether it is asked again until something has changed.
    pub polls: Option<bool>,
}

impl Overrides {
    /// Puts what is said over what a spec says.
    pub(super) fn apply(&self, spec: &mut ToolSpec) {
        fn set<T: Clone>(place: &mut T, value: Option<&T>) {
            if let Some(value) = value {
                place.clone_from(value);
            }
        }
        fn set_some<T: Clone>(place: &mut Option<T>, value: Option<&T>) {
            if value.is_some() {
                *place = value.cloned();
            }
        }
        set(&mut spec.effect, self.effect.as_ref());
        set(&mut spec.reversibility, self.reversibility.as_ref());
        set(&mut spec.timeout, self.timeout.as_ref());
        set(&mut spec.retry, self.retry.as_ref());
        set(&mut spec.control, self.control.as_ref());
        set(&mut spec.result_label, self.result_label.as_ref());
        set(&mut spec.polls, self.polls.as_ref());
        set_some(&mut spec.rate, self.rate.as_ref());
        set_some(&mut spec.concurrency, self.concurrency.as_ref());
        set_some(&mut spec.approval, self.approval.as_ref());
        set_some(&mut spec.owner, self.owner.as_ref());
        set_some(&mut spec.cost, self.cost.as_ref());
        set_some(&mut spec.breaker, self.breaker.as_ref());
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { argv, .. } => f.write_str(argv.first().map_or("", String::as_str)),
            Self::Url { url, .. } => f.write_str(url),
        }
    }
}
