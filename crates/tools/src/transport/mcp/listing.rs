//! What a server offers now, beside what was approved.

use std::{collections::BTreeMap, fmt};

use super::{
    definition::{Definition, scoped},
    pins::Pin,
};

/// A tool that is not offered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its name under its server's, shortened if it is strange.
    pub tool: String,
    /// Why.
    pub because: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is left out: {}", self.tool, self.because)
    }
}

/// At most so many characters of a strange name are shown.
const SHOWN: usize = 80;

impl LeftOut {
    pub(super) fn new(server: &str, tool: &str, because: impl Into<String>) -> Self {
        let shown: String = tool.chars().take(SHOWN).collect();
        let shown = mainstay_core::visible::visible(&shown);
        Self { tool: scoped(server, shown), because: because.into() }
    }
}

/// What a server offers, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct Listing {
    pub(super) tools: BTreeMap<String, Definition>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) bytes: usize,
}

/// A tool that is not what was approved.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The tool, by the server's name for it.
    pub tool: String,
    /// What was approved; nothing if the tool is new.
    pub was: Option<Definition>,
    /// What the server offers now; nothing if it is gone.
    pub is: Option<Definition>,
}

impl Change {
    /// Returns what happened, in a word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match (&self.was, &self.is) {
            (None, _) => "new",
            (_, None) => "gone",
            _ => "changed",
        }
    }

    /// Returns the lines that differ, with `-` before what was and `+` before what is.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let text = |side: Option<&Definition>| {
            side.and_then(|side| serde_json::to_string_pretty(side).ok()).unwrap_or_default()
        };
        differing(&text(self.was.as_ref()), &text(self.is.as_ref()))
    }
}

/// Compares a server's tools with its pins.
pub(super) fn changes(
    pinned: &BTreeMap<String, Pin>,
    listed: &BTreeMap<String, Definition>,
) -> Vec<Change> {
    let gone_or_changed = pinned.iter().filter_map(|(tool, pin)| {
        let is = listed.get(tool);
        let same = is.is_some_and(|is| is.hash().to_string() == pin.hash);
        let was = Some(pin.definition.clone());
        (!same).then(|| Change { tool: tool.clone(), was, is: is.cloned() })
    });
    let new = listed.iter().filter(|(tool, _)| !pinned.contains_key(*tool));
    let new = new.map(|(tool, is)| Change { tool: tool.clone(), was: None, is: Some(is.clone()) });
    gone_or_changed.chain(new).collect()
}

/// Returns the lines that only one side has, in order, without what both begin and end with.
fn differing(was: &str, is: &str) -> Vec<String> {
    let (was, is): (Vec<_>, Vec<_>) = (was.lines().collect(), is.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = was.iter().zip(&is).take_while(same).count();
    let room = was.len().min(is.len()) - head;
    let tail = was.iter().rev().zip(is.iter().rev()).take(room).take_while(same).count();
    let middle = |lines: &[&str], sign: char| {
        let until = lines.len() - tail;
        let lines = lines.iter().take(until).skip(head);
        lines.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    [middle(&was, '-'), middle(&is, '+')].concat()
}
