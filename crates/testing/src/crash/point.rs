//! Crash points: where a process may die, and how each is named.

use std::{fmt, str::FromStr};

/// A place in a flow's life where something crosses the border of the process: the n-th store
/// operation or external call of its kind that did something. Prints as `append#7` or
/// `tool:refund#1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point {
    /// The operation, or `tool:NAME`, `model:VENDOR`, `broker:publish`.
    pub what: String,
    /// Which one, from 1.
    pub n: u32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.what, self.n)
    }
}

/// What goes wrong at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// The process dies before it happens.
    Before,
    /// It happens, and the process dies before it learns so.
    After,
    /// It happens, the process lives, and what it learns is an error.
    AnswerLost,
    /// It does not happen, the process lives, and learns an error.
    Refused,
    /// It is delivered twice: only where the receiver promises that this changes nothing.
    Repeated,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Self; 5] =
        [Self::Before, Self::After, Self::AnswerLost, Self::Refused, Self::Repeated];

    /// A crash: the process dies, or cannot know whether it happened.
    pub const CRASHES: [Self; 3] = [Self::Before, Self::After, Self::AnswerLost];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::AnswerLost => "answer_lost",
            Self::Refused => "refused",
            Self::Repeated => "repeated",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that goes wrong. Prints as `append#7:after`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Strike {
    /// Where.
    pub point: Point,
    /// How.
    pub variant: Variant,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.point, self.variant)
    }
}

/// A text that names no strike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAStrike(String);

impl fmt::Display for NotAStrike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not like `append#7:after`", self.0)
    }
}

impl std::error::Error for NotAStrike {}

impl FromStr for Strike {
    type Err = NotAStrike;

    fn from_str(text: &str) -> Result<Self, NotAStrike> {
        let bad = || NotAStrike(text.to_owned());
        // A tool's name may hold a colon's neighbours, so both ends are cut from the right.
        let (point, variant) = text.rsplit_once(':').ok_or_else(bad)?;
        let (what, n) = point.rsplit_once('#').ok_or_else(bad)?;
        let variant = Variant::ALL.into_iter().find(|v| v.as_str() == variant).ok_or_else(bad)?;
        let point = Point { what: what.to_owned(), n: n.parse().map_err(|_| bad())? };
        Ok(Self { point, variant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strike_reads_back_what_it_printed() {
        for text in ["append#7:after", "tool:refund#1:answer_lost", "model:scripted#2:before"] {
            assert_eq!(text.parse::<Strike>().unwrap().to_string(), text);
        }
        for text in ["", "append", "append#7", "append:after", "append#x:after", "append#7:later"] {
            assert!(text.parse::<Strike>().is_err(), "{text}");
        }
    }
}
