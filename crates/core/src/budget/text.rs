//! The command line's form of a budget: `usd=0.50,tokens=20k,wall=10m,deadline=3d`.
//!
//! `tokens` limits input and output together; `input_tokens` and `output_tokens` limit each alone.
//! A deadline is written as a span and counts from the time the budget is given.

use std::{fmt, str::FromStr, time::Duration};

use crate::time::Timestamp;

use super::{
    amount::{read_count, read_span, read_usd},
    dimension::{Dimension, Limits, Measure},
};

/// Why a budget cannot be read, and at which byte of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetTextError {
    /// Byte offset of the part that is wrong.
    pub at: usize,
    /// What is wrong there.
    pub problem: BudgetProblem,
}

/// What is wrong with a part of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetProblem {
    /// Nothing between two commas, or an empty text.
    Empty,
    /// No `=`.
    NoAmount(String),
    /// No dimension of that name.
    UnknownDimension {
        /// What was written.
        name: String,
        /// The nearest name, if one is near.
        near: Option<&'static str>,
    },
    /// The amount cannot be read.
    Amount {
        /// The dimension.
        dimension: Dimension,
        /// What was written.
        text: String,
    },
    /// The dimension is given twice.
    Twice(Dimension),
    /// A `+` where a limit is set, not raised.
    UnexpectedPlus,
    /// No `+` where a limit is raised, not set.
    MissingPlus,
    /// A deadline where no clock is at hand, as in a flow's definition.
    NoClock,
}

impl fmt::Display for BudgetTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {})", self.problem, self.at + 1)
    }
}

impl std::error::Error for BudgetTextError {}

impl fmt::Display for BudgetProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected a limit such as `usd=0.50`"),
            Self::NoAmount(name) => write!(f, "`{name}` has no amount; write `{name}=…`"),
            Self::UnknownDimension { name, near: Some(near) } => {
                write!(f, "`{name}` cannot be limited; did you mean `{near}`?")
            }
            Self::UnknownDimension { name, near: None } => {
                write!(f, "`{name}` cannot be limited; these can: ")?;
                let names: Vec<_> = Dimension::ALL.iter().map(|d| d.name()).collect();
                f.write_str(&names.join(", "))
            }
            Self::Amount { dimension, text } => {
                write!(
                    f,
                    "`{text}` is not an amount of {}; write {}",
                    dimension.name(),
                    example(*dimension)
                )
            }
            Self::Twice(dimension) => write!(f, "`{}` is given twice", dimension.name()),
            Self::UnexpectedPlus => f.write_str("`+` raises a limit; here limits are set"),
            Self::MissingPlus => f.write_str("limits are raised here; write `+usd=0.25`"),
            Self::NoClock => f.write_str(
                "a deadline belongs to a run, not to a definition; `wall` limits running time",
            ),
        }
    }
}

const fn example(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Usd => "dollars with at most six decimals, such as `usd=0.50`",
        Dimension::InputTokens => "`input_tokens=20k`",
        Dimension::OutputTokens => "`output_tokens=2k`",
        Dimension::Tokens => "`tokens=20k`",
        Dimension::Wall => "a span with its unit, such as `wall=10m` or `wall=1h30m`",
        Dimension::Deadline => "a span with its unit, such as `deadline=3d`",
        Dimension::ModelCalls => "`model_calls=30`",
        Dimension::ToolCalls => "`tool_calls=30`",
        Dimension::Depth => "`depth=4`",
    }
}

/// Whether the text sets limits or raises them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Sets,
    Raises,
}

impl Limits {
    /// Reads limits; a deadline counts from `now`.
    ///
    /// # Errors
    /// The text has a part that is no limit; the error says where and what would be right.
    pub fn read(text: &str, now: Timestamp) -> Result<Self, BudgetTextError> {
        read(text, Some(now), Form::Sets)
    }

    /// Reads what to add to limits: `+usd=0.25,+deadline=1d`. A deadline counts from `now`.
    ///
    /// # Errors
    /// As [`Self::read`]; also if a part does not begin with `+`.
    pub fn read_top_up(text: &str, now: Timestamp) -> Result<Self, BudgetTextError> {
        read(text, Some(now), Form::Raises)
    }
}

/// Reads limits where no clock is at hand: a deadline is refused.
impl FromStr for Limits {
    type Err = BudgetTextError;
    fn from_str(text: &str) -> Result<Self, BudgetTextError> {
        read(text, None, Form::Sets)
    }
}

fn read(text: &str, now: Option<Timestamp>, form: Form) -> Result<Limits, BudgetTextError> {
    let mut limits = Limits::none();
    let mut at = 0;
    for part in text.split(',') {
        let start = at + (part.len() - part.trim_start().len());
        let wrong = |problem| BudgetTextError { at: start, problem };
        let (dimension, amount) = read_part(part.trim(), now, form).map_err(wrong)?;
        if limits.get(dimension).is_some() {
            return Err(wrong(BudgetProblem::Twice(dimension)));
        }
        limits.set(dimension, Some(amount));
        at += part.len() + 1;
    }
    Ok(limits)
}

fn read_part(
    part: &str,
    now: Option<Timestamp>,
    form: Form,
) -> Result<(Dimension, u64), BudgetProblem> {
    if part.is_empty() {
        return Err(BudgetProblem::Empty);
    }
    let part = match (part.strip_prefix('+'), form) {
        (Some(rest), Form::Raises) => rest,
        (Some(_), Form::Sets) => return Err(BudgetProblem::UnexpectedPlus),
        (None, Form::Raises) => return Err(BudgetProblem::MissingPlus),
        (None, Form::Sets) => part,
    };
    let (name, amount) =
        part.split_once('=').ok_or_else(|| BudgetProblem::NoAmount(part.to_owned()))?;
    let dimension = dimension(name.trim())?;
    let amount = amount.trim();
    let unreadable = || BudgetProblem::Amount { dimension, text: amount.to_owned() };
    if dimension.measure() == Measure::Time {
        let now = now.ok_or(BudgetProblem::NoClock)?;
        let span = read_span(amount).ok_or_else(unreadable)?;
        let at = now.after(Duration::from_millis(span)).micros();
        return Ok((dimension, u64::try_from(at).unwrap_or(0)));
    }
    let amount = match dimension {
        Dimension::Usd => read_usd(amount),
        Dimension::Wall => read_span(amount),
        Dimension::InputTokens
        | Dimension::OutputTokens
        | Dimension::Tokens
        | Dimension::ModelCalls
        | Dimension::ToolCalls
        | Dimension::Depth
        | Dimension::Deadline => read_count(amount),
    };
    amount.map(|amount| (dimension, amount)).ok_or_else(unreadable)
}

fn dimension(name: &str) -> Result<Dimension, BudgetProblem> {
    let found = Dimension::ALL.iter().copied().find(|d| d.name() == name);
    found.ok_or_else(|| BudgetProblem::UnknownDimension { name: name.to_owned(), near: near(name) })
}

/// Returns the dimension's name that differs from `name` by the fewest edits, at most two.
fn near(name: &str) -> Option<&'static str> {
    let distances = Dimension::ALL.iter().map(|d| (edits(name, d.name()), d.name()));
    distances.filter(|(edits, _)| *edits <= 2).min().map(|(_, name)| name)
}

/// Returns the Levenshtein distance, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((to, pair), left) in b.chars().zip(row.windows(2)).zip(0..) {
            let &[diagonal, above] = pair else { continue };
            let before = next.get(left).copied().unwrap_or(usize::MAX);
            next.push(
                (diagonal + usize::from(from != to)).min(above + 1).min(before.saturating_add(1)),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "text/tests.rs"]
mod tests;
