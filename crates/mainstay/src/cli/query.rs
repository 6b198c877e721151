//! The filter of lists: `flow:refund_desk status:(failed OR parked) cost:>0.5 since:24h`.

mod cost;

use std::time::Duration;

use mainstay_core::{
    code::Code,
    flow::check::near,
    id::uuid_v7,
    run::RunStatus,
    store::row::{IndexFilter, IndexRow},
    time::Timestamp,
};
use uuid::Uuid;

use self::cost::Cost;
use super::{error::CliError, span};

/// What may stand before a colon.
const FIELDS: &[&str] = &["flow", "status", "since", "cost", "tenant", "tag", "waiting_for"];

/// What may stand after `waiting_for:`.
const WAITS: &[&str] = &[
    "review",
    "timer",
    "signal",
    "child",
    "retry",
    "budget",
    "worker_version",
    "divergence",
    "quarantine",
];

/// Which runs are wanted: all conditions together, the words of one condition each by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    flow: Option<String>,
    tenant: Option<String>,
    statuses: Vec<RunStatus>,
    since: Option<Duration>,
    tags: Vec<String>,
    waits: Vec<String>,
    costs: Vec<Cost>,
}

impl Query {
    pub(crate) fn read(text: &str) -> Result<Self, CliError> {
        let mut query = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (field, words, tail) = condition(rest)?;
            query.take(field, &words)?;
            rest = tail.trim_start();
        }
        Ok(query)
    }

    fn take(&mut self, field: &str, words: &[&str]) -> Result<(), CliError> {
        match field {
            "flow" => self.flow = Some(single(field, words)?),
            "tenant" => self.tenant = Some(single(field, words)?),
            "tag" => self.tags.push(single(field, words)?),
            "since" => {
                let text = single(field, words)?;
                let wrong =
                    || wrong(format!("`{text}` is not a span"), "write `since:24h` or `since:7d`");
                self.since = Some(span::read(&text).ok_or_else(wrong)?);
            }
            "status" => {
                for word in words {
                    self.statuses.push(RunStatus::read(word).ok_or_else(|| {
                        let names = RunStatus::ALL.iter().map(|status| status.as_str());
                        wrong(format!("there is no status `{word}`"), near::hint(word, names))
                    })?);
                }
            }
            "waiting_for" => {
                for word in words {
                    if !WAITS.contains(word) {
                        let hint = near::hint(word, WAITS.iter().copied());
                        return Err(wrong(format!("no run waits for `{word}`"), hint));
                    }
                    self.waits.push((*word).to_owned());
                }
            }
            "cost" => self.costs.push(Cost::read(&single(field, words)?)?),
            other => {
                let hint = near::hint(other, FIELDS.iter().copied());
                return Err(wrong(format!("runs cannot be filtered by `{other}`"), hint));
            }
        }
        Ok(())
    }

    /// Returns what the store can answer; [`Self::fits`] and [`Self::affords`] do the rest.
    pub(crate) fn filter(&self, now: Timestamp, limit: u32) -> IndexFilter {
        let from = self.since.map(|span| uuid_v7(now.before(span), [0; 10]));
        IndexFilter {
            tenant: self.tenant.clone(),
            flow: self.flow.clone(),
            statuses: self.statuses.clone(),
            ids: from.map(|from| (from, Uuid::max())),
            before: None,
            limit,
        }
    }

    /// Returns whether a row that the store found is wanted.
    pub(crate) fn fits(&self, row: &IndexRow) -> bool {
        let has_tag = |tag: &String| row.tags.lines().any(|line| line == tag);
        let waits = row.wait.as_ref().map(mainstay_core::wait::WaitSet::words).unwrap_or_default();
        let waits_for = |word: &String| waits.contains(&&**word);
        self.tags.iter().all(has_tag) && (self.waits.is_empty() || self.waits.iter().any(waits_for))
    }

    /// Returns whether it matters what a run has spent.
    pub(crate) const fn asks_for_cost(&self) -> bool {
        !self.costs.is_empty()
    }

    /// Returns whether a run that has spent so many micro-dollars is wanted.
    pub(crate) fn affords(&self, usd: u64) -> bool {
        self.costs.iter().all(|cost| cost.admits(usd))
    }
}

fn wrong(message: impl Into<String>, hint: impl Into<String>) -> CliError {
    CliError::new(Code::InvalidArgument, message).with_hint(hint)
}

/// Returns the first condition's field and words, and what follows.
fn condition(text: &str) -> Result<(&str, Vec<&str>, &str), CliError> {
    let usage =
        "write conditions such as `flow:refund status:(failed OR parked) cost:>0.5 since:24h`";
    let (field, value) = text
        .split_once(':')
        .filter(|(field, _)| !field.contains(char::is_whitespace))
        .ok_or_else(|| wrong(format!("`{text}` is not a condition"), usage))?;
    if let Some(inner) = value.strip_prefix('(') {
        let (list, tail) = inner
            .split_once(')')
            .ok_or_else(|| wrong(format!("`{field}:(` is not closed"), usage))?;
        let words = list.split_whitespace().filter(|word| *word != "OR").collect();
        return Ok((field, words, tail));
    }
    let end = value.find(char::is_whitespace).unwrap_or(value.len());
    let (word, tail) = value.split_at(end);
    if word.is_empty() {
        return Err(wrong(format!("`{field}:` has no value"), usage));
    }
    Ok((field, vec![word], tail))
}

fn single(field: &str, words: &[&str]) -> Result<String, CliError> {
    match words {
        [one] => Ok((*one).to_owned()),
        _ => Err(wrong(
            format!("`{field}` takes one value"),
            "only `status` and `waiting_for` take several",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_in_any_order() {
        let text = "status:(failed OR parked) cost:>0.5 flow:refund since:24h tag:a=b cost:<=2";
        let query = Query::read(text).unwrap();
        assert_eq!(query.statuses, [RunStatus::Failed, RunStatus::Parked]);
        assert_eq!(query.flow.as_deref(), Some("refund"));
        assert_eq!(query.since, Some(Duration::from_secs(86_400)));
        assert_eq!(query.tags, ["a=b"]);
        assert!(query.affords(500_001) && query.affords(2_000_000));
        assert!(!query.affords(500_000) && !query.affords(2_000_001));
        assert_eq!(Query::read("  ").unwrap(), Query::default());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_would_be_right() {
        for (text, message, hint) in [
            ("status:faild", "there is no status `faild`", "did you mean `failed`?"),
            ("flw:a", "runs cannot be filtered by `flw`", "did you mean `flow`?"),
            ("cost:0.5", "`0.5` is not a bound of cost", "cost:>0.5"),
            ("since:soon", "`soon` is not a span", "since:24h"),
            ("status:(failed", "`status:(` is not closed", "flow:refund"),
            ("refund", "`refund` is not a condition", "flow:refund"),
        ] {
            let error = Query::read(text).unwrap_err();
            assert_eq!((error.message.as_str(), error.exit.number()), (message, 2), "{text}");
            assert!(error.hint.clone().unwrap().contains(hint), "{text}: {:?}", error.hint);
        }
    }
}
