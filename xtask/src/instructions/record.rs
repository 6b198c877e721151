//! What a step took when it was last recorded, and how much more it may take.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::checkout;

/// Where it stands, from the root.
const FILE: &str = "xtask/instructions.toml";

/// How many percent above the record are no reason to look: what differs between compilers and
/// between one run and the next is less. Between machines the store in memory differs by a
/// thousandth; a file by a tenth, so its record is one of a machine on which it takes much.
const ROOM: f64 = 10.0;

/// How many percent below it are a reason to record anew: the room would let that much back in.
const WORTH_RECORDING: f64 = 5.0;

/// Instructions a step, by store.
#[derive(Debug, Default)]
pub(super) struct Record(BTreeMap<String, u64>);

/// What comes of the comparison.
#[derive(Debug)]
pub(super) struct Judgement {
    /// The store that is most above its record, in percent; negative if all are below.
    pub(super) above_percent: f64,
    /// What there is to be said.
    pub(super) lines: Vec<String>,
}

impl Judgement {
    /// Returns whether a step takes more than it may.
    pub(super) fn is_red(&self) -> bool {
        self.above_percent > ROOM
    }
}

impl Record {
    /// Notes a count.
    pub(super) fn insert(&mut self, store: &str, per_step: u64) {
        self.0.insert(store.to_owned(), per_step);
    }

    /// Reads what was recorded.
    pub(super) fn read() -> Result<Self> {
        let text = fs::read_to_string(checkout::root().join(FILE));
        let text = text.with_context(|| format!("reading {FILE}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self(toml::from_str(text).with_context(|| format!("reading {FILE}"))?))
    }

    /// Replaces what was recorded.
    pub(super) fn write(&self) -> Result<()> {
        fs::write(checkout::root().join(FILE), self.text())
            .with_context(|| format!("writing {FILE}"))
    }

    fn text(&self) -> String {
        let mut text = String::from(
            "# Instructions that a step of the bench's chain takes, by store, in the build of the tests.\n\
             # Written by `cargo xtask instructions --record`; CI is red when a step takes a tenth more.\n",
        );
        for (store, per_step) in &self.0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{store} = {per_step}");
        }
        text
    }

    /// Compares what was counted with this record.
    pub(super) fn judge(&self, counted: &Self) -> Result<Judgement> {
        let mut judgement = Judgement { above_percent: f64::NEG_INFINITY, lines: Vec::new() };
        for (store, count) in &counted.0 {
            let recorded = self.0.get(store).with_context(|| format!("{FILE} has no `{store}`"))?;
            let above = (*count as f64 / *recorded as f64 - 1.0) * 100.0;
            judgement.above_percent = judgement.above_percent.max(above);
            if above > ROOM {
                judgement.lines.push(format!(
                    "{store}: {count} instructions a step are {above:.1} % above the record of \
                     {recorded}; callgrind_annotate target/callgrind.{store}.*.out says where, and \
                     `cargo xtask instructions --record` admits them"
                ));
            } else if above < -WORTH_RECORDING {
                judgement.lines.push(format!(
                    "{store}: {:.1} % below the record; keep it with `cargo xtask instructions \
                     --record`",
                    -above
                ));
            }
        }
        Ok(judgement)
    }
}

#[cfg(test)]
mod tests {
    use super::{Judgement, Record};

    fn judged(recorded: &str, counted: &str) -> Judgement {
        Record::parse(recorded).unwrap().judge(&Record::parse(counted).unwrap()).unwrap()
    }

    #[test]
    fn a_step_may_take_a_tenth_more_and_no_more() {
        let recorded = "memory = 1000\nsqlite = 2000\n";
        assert!(!judged(recorded, "memory = 1000\nsqlite = 2000").is_red());
        assert!(!judged(recorded, "memory = 1099\nsqlite = 1900").is_red());
        let red = judged(recorded, "memory = 900\nsqlite = 2201");
        assert!(red.is_red(), "one store is enough: {red:?}");
        assert!(red.lines.iter().any(|line| line.starts_with("sqlite: 2201")), "{red:?}");
    }

    #[test]
    fn what_was_saved_is_to_be_recorded() {
        let green = judged("memory = 1000", "memory = 900");
        assert!(!green.is_red());
        assert!(green.lines.iter().any(|line| line.contains("--record")), "{green:?}");
    }

    #[test]
    fn a_store_without_a_record_is_refused_and_a_record_reads_back() {
        let record = Record::parse("memory = 1000").unwrap();
        record.judge(&Record::parse("sqlite = 1").unwrap()).unwrap_err();
        assert_eq!(Record::parse(&record.text()).unwrap().text(), record.text());
    }
}
