//! What is limited, for whom, and how long.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    allowance::Period,
    budget::{Dimension, Limits, Spend},
    time::Timestamp,
};

/// Whom one part of a scope means.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// All of them together.
    #[default]
    All,
    /// Each of them, with an account of its own; written `*`.
    Each,
    /// This one.
    One(String),
}

impl Whose {
    /// Reads a name, or `*` for each.
    #[must_use]
    pub fn read(text: &str) -> Self {
        if text == "*" { Self::Each } else { Self::One(text.to_owned()) }
    }

    /// Returns what the account's key says of it; `None` if it says nothing, and the outer `None`
    /// where somebody else is meant.
    fn part<'a>(&self, name: Option<&'a str>) -> Option<Option<&'a str>> {
        match (self, name) {
            (Self::All, _) => Some(None),
            (Self::Each, Some(name)) => Some(Some(name)),
            (Self::One(one), Some(name)) if one == name => Some(Some(name)),
            (Self::Each, None) | (Self::One(_), _) => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Each => Some("*"),
            Self::One(one) => Some(one),
        }
    }
}

/// Who a cap speaks of: every part must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CapScope {
    /// Whose runs.
    pub tenant: Whose,
    /// Runs of which flow.
    pub flow: Whose,
    /// Calls of which agent. Calls that no agent makes have none.
    pub agent: Whose,
}

/// Who is about to spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spender<'a> {
    /// The run's tenant.
    pub tenant: &'a str,
    /// The run's flow.
    pub flow: &'a str,
    /// The agent that makes the call, if one does.
    pub agent: Option<&'a str>,
}

/// The account that a period's spending is counted in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey {
    /// Who, as text: `tenant=acme flow=refund`; `all` for everybody.
    pub scope: String,
    /// Which calendar.
    pub period: Period,
    /// When the period began.
    pub begins: Timestamp,
}

impl AccountKey {
    /// Returns when the period ends.
    #[must_use]
    pub const fn ends(&self) -> Timestamp {
        self.period.ends(self.begins)
    }
}

impl fmt::Display for AccountKey {
    /// As in `tenant=acme per day`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.scope, self.period)
    }
}

/// A limit on what all runs of a scope may use in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    scope: CapScope,
    period: Period,
    limits: Limits,
}

/// What a cap cannot limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapError {
    /// It limits nothing.
    Nothing,
    /// The dimension is not known before a call, or is not used up.
    Dimension(Dimension),
}

impl fmt::Display for CapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("a cap without a limit"),
            Self::Dimension(dimension) => write!(
                f,
                "`{}` cannot be capped: a call's worst case says nothing of it",
                dimension.name()
            ),
        }
    }
}

impl std::error::Error for CapError {}

/// Returns whether it is reserved for each call, and so can be kept below a cap.
const fn is_reserved(dimension: Dimension) -> bool {
    match dimension {
        Dimension::Usd
        | Dimension::InputTokens
        | Dimension::OutputTokens
        | Dimension::Tokens
        | Dimension::ModelCalls
        | Dimension::ToolCalls => true,
        Dimension::Wall | Dimension::Depth | Dimension::Deadline => false,
    }
}

impl Cap {
    /// Makes a cap.
    ///
    /// # Errors
    /// The limits name nothing, or something that no call's worst case speaks of: running time,
    /// depth, a deadline.
    pub fn new(scope: CapScope, period: Period, limits: Limits) -> Result<Self, CapError> {
        let named = || Dimension::ALL.iter().copied().filter(|d| limits.get(*d).is_some());
        if let Some(other) = named().find(|dimension| !is_reserved(*dimension)) {
            return Err(CapError::Dimension(other));
        }
        named().next().ok_or(CapError::Nothing)?;
        Ok(Self { scope, period, limits })
    }

    /// Returns what may be used in one period.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns how long it counts.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Returns the account that a spender's call at this time is counted in; `None` if the cap does
    /// not speak of it.
    #[must_use]
    pub fn account(&self, spender: Spender<'_>, at: Timestamp) -> Option<AccountKey> {
        let CapScope { tenant, flow, agent } = &self.scope;
        let parts = [
            ("tenant", tenant.part(Some(spender.tenant))?),
            ("flow", flow.part(Some(spender.flow))?),
            ("agent", agent.part(spender.agent)?),
        ];
        let scope = written(parts.into_iter());
        Some(AccountKey { scope, period: self.period, begins: self.period.begins(at) })
    }

    /// Returns the only account it has at a time; `None` if each of some has one.
    #[must_use]
    pub fn sole_account(&self, at: Timestamp) -> Option<AccountKey> {
        let CapScope { tenant, flow, agent } = &self.scope;
        let parts = [("tenant", tenant), ("flow", flow), ("agent", agent)];
        if parts.iter().any(|(_, whose)| **whose == Whose::Each) {
            return None;
        }
        let scope = written(parts.into_iter().map(|(name, whose)| (name, whose.text())));
        Some(AccountKey { scope, period: self.period, begins: self.period.begins(at) })
    }

    /// Returns whether an account is one of this cap's.
    #[must_use]
    pub fn has(&self, account: &AccountKey) -> bool {
        let said: Vec<_> =
            account.scope.split(' ').filter_map(|part| part.split_once('=')).collect();
        let fits = |(name, whose): (&str, &Whose)| {
            let value = said.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            match (whose, value) {
                (Whose::All, value) => value.is_none(),
                (Whose::Each, value) => value.is_some(),
                (Whose::One(one), value) => value == Some(escaped(one).as_str()),
            }
        };
        let CapScope { tenant, flow, agent } = &self.scope;
        let parts = [("tenant", tenant), ("flow", flow), ("agent", agent)];
        account.period == self.period && parts.into_iter().all(fits)
    }

    /// Returns whether it speaks of single agents, and so not of a run as a whole.
    #[must_use]
    pub fn is_of_agents(&self) -> bool {
        self.scope.agent != Whose::All
    }

    /// Returns the part of `spend` that it limits.
    #[must_use]
    pub fn limited(&self, spend: &Spend) -> Spend {
        spend.only(|dimension| self.limits.speak_of(dimension))
    }
}

impl fmt::Display for Cap {
    /// As in `tenant=* flow=refund per month`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CapScope { tenant, flow, agent } = &self.scope;
        let parts = [("tenant", tenant), ("flow", flow), ("agent", agent)];
        let scope = written(parts.into_iter().map(|(name, whose)| (name, whose.text())));
        write!(f, "{scope} per {}", self.period)
    }
}

fn written<'a>(parts: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> String {
    let said = parts.filter_map(|(name, value)| Some(format!("{name}={}", escaped(value?))));
    let said: Vec<_> = said.collect();
    if said.is_empty() { "all".to_owned() } else { said.join(" ") }
}

/// A name with a blank, a control character or a percent sign would make two scopes one, or none.
fn escaped(name: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '%';
    name.chars().fold(String::new(), |mut text, c| {
        if plain(c) {
            text.push(c);
        } else {
            text.push_str(&format!("%{:x};", u32::from(c)));
        }
        text
    })
}

/// A cap as the run that it stopped knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapReached {
    /// The account that has no room.
    pub account: AccountKey,
    /// When the run looks again by itself: the end of the period, or sooner where another worker
    /// may give back what it has leased.
    pub again_at: Timestamp,
}

impl fmt::Display for CapReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the cap {}", self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cap(tenant: Whose, flow: Whose, agent: Whose) -> Cap {
        let limits = Limits { usd: Some(1), ..Limits::none() };
        Cap::new(CapScope { tenant, flow, agent }, Period::Day, limits).unwrap()
    }

    fn one(name: &str) -> Whose {
        Whose::read(name)
    }

    fn check(cap: &Cap, agent: Option<&str>, expected: Option<&str>) {
        let spender = Spender { tenant: "acme", flow: "refund", agent };
        let account = cap.account(spender, Timestamp::default());
        assert_eq!(account.as_ref().map(|account| account.scope.as_str()), expected, "{cap}");
        assert!(account.is_none_or(|account| cap.has(&account)), "{cap}");
    }

    #[test]
    fn a_cap_counts_those_it_speaks_of() {
        let all = || Whose::All;
        check(&cap(all(), all(), all()), None, Some("all"));
        check(&cap(one("acme"), all(), all()), None, Some("tenant=acme"));
        check(&cap(one("globex"), all(), all()), None, None);
        check(&cap(one("*"), one("refund"), all()), None, Some("tenant=acme flow=refund"));
        check(&cap(all(), all(), one("critic")), None, None);
        check(&cap(all(), all(), one("critic")), Some("critic"), Some("agent=critic"));
        check(&cap(all(), all(), one("*")), Some("a b%"), Some("agent=a%20;b%25;"));
    }

    #[test]
    fn an_account_of_another_cap_is_not_its_own() {
        let acme = cap(one("acme"), Whose::All, Whose::All);
        let each = cap(one("*"), Whose::All, Whose::All);
        let all = cap(Whose::All, Whose::All, Whose::All);
        let account = |tenant| {
            let spender = Spender { tenant, flow: "refund", agent: None };
            each.account(spender, Timestamp::default()).unwrap()
        };
        assert!(acme.has(&account("acme")) && !acme.has(&account("globex")));
        assert!(!all.has(&account("acme")));
    }

    #[test]
    fn only_what_a_call_reserves_can_be_capped() {
        for (limits, error) in [
            (Limits::none(), CapError::Nothing),
            (
                Limits { wall: Some(1), usd: Some(1), ..Limits::none() },
                CapError::Dimension(Dimension::Wall),
            ),
            (Limits { depth: Some(1), ..Limits::none() }, CapError::Dimension(Dimension::Depth)),
        ] {
            assert_eq!(Cap::new(CapScope::default(), Period::Day, limits), Err(error));
        }
    }
}
