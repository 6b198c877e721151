//! The refusal of what could pass a limit, and how it is told.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::Code;

use super::{
    amount::{bare, show, span},
    dimension::{Dimension, Measure},
};

/// The refusal of something that could pass a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exhausted {
    /// The dimension whose limit is reached.
    pub dimension: Dimension,
    /// The limit; for a deadline, microseconds since the epoch.
    pub limit: u64,
    /// What is spent or set aside; for a deadline, the time it is.
    pub spent: u64,
    /// What was asked for on top.
    pub asked: u64,
}

impl Exhausted {
    /// Returns the code of the error a person sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self.dimension.measure() {
            Measure::Time => Code::DeadlinePassed,
            Measure::Counted | Measure::Total | Measure::Level => Code::BudgetReached,
        }
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dimension, limit, spent, asked } = *self;
        if dimension.measure() == Measure::Time {
            return write!(f, "deadline passed {} ago", span(spent.saturating_sub(limit) / 1_000));
        }
        write!(f, "budget reached: {} of {}", bare(dimension, spent), show(dimension, limit))?;
        if spent < limit {
            write!(f, ", and the next effect could use {}", bare(dimension, asked))?;
        }
        Ok(())
    }
}

impl std::error::Error for Exhausted {}

/// Why a reservation was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It fits the limits, not the standing advance: commit [`Ledger::advance`] first.
    AdvanceFirst,
    /// It does not fit the limits.
    Exhausted(Exhausted),
}
