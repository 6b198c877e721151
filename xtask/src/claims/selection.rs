//! Which claims are meant, and how a skipped one is taken.

use anyhow::{Result, bail};

use super::entry::{Claim, Kind, Pace};
use super::glob;

/// What was typed after `claims`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    glob: String,
    kind: Option<Kind>,
    slow: Slow,
    purpose: Purpose,
    skips: Skips,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slow {
    Included,
    LeftOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Run,
    List,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skips {
    Fail,
    Allowed,
}

impl Selection {
    /// Reads the words after `claims`.
    pub(crate) fn parse(words: &[&str]) -> Result<Self> {
        let mut selection = Self::everything();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--list" => selection.purpose = Purpose::List,
                "--quick" => selection.slow = Slow::LeftOut,
                "--allow-skip" => selection.skips = Skips::Allowed,
                "--kind" => selection.kind = Some(kind(words.next().copied())?),
                flag if flag.starts_with('-') => bail!("claims has no `{flag}`"),
                pattern if selection.glob == "*" => pattern.clone_into(&mut selection.glob),
                second => bail!("one pattern is enough, and `{second}` is a second one"),
            }
        }
        Ok(selection)
    }

    /// Returns all claims of one kind that are quick.
    pub(crate) fn quick(kind: Kind) -> Self {
        Self { kind: Some(kind), slow: Slow::LeftOut, ..Self::everything() }
    }

    fn everything() -> Self {
        Self {
            glob: "*".to_owned(),
            kind: None,
            slow: Slow::Included,
            purpose: Purpose::Run,
            skips: Skips::Fail,
        }
    }

    pub(super) fn takes(&self, claim: &Claim) -> bool {
        glob::fits(&self.glob, &claim.id)
            && self.kind.is_none_or(|kind| kind == claim.kind)
            && (self.slow == Slow::Included || claim.pace == Pace::Quick)
    }

    pub(super) fn lists(&self) -> bool {
        self.purpose == Purpose::List
    }

    pub(super) fn allows_skips(&self) -> bool {
        self.skips == Skips::Allowed
    }

    /// Returns whether a pattern was typed: then it should have chosen something.
    pub(super) fn names_something(&self) -> bool {
        self.glob != "*"
    }
}

fn kind(word: Option<&str>) -> Result<Kind> {
    match word {
        Some("exact") => Ok(Kind::Exact),
        Some("timing") => Ok(Kind::Timing),
        Some(other) => bail!("no kind `{other}`: exact or timing"),
        None => bail!("--kind needs exact or timing"),
    }
}
