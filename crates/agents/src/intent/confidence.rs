//! How sure a choice is, and what that rests on.

use serde::{Deserialize, Serialize};

/// What a confidence rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The flow's author declared it, or a person said it.
    Declared,
    /// A calibrator that was fitted on outcomes: of so sure choices, this share was right.
    Calibrated,
    /// Nothing: it counts as zero, whatever a model says of itself.
    Uncalibrated,
}

/// How sure a choice is: the share of such choices that are right, as far as anybody has measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// From 0 to 1.
    pub value: f64,
    /// What it rests on.
    pub basis: Basis,
}

impl Confidence {
    /// Returns the confidence in what was declared.
    #[must_use]
    pub const fn declared() -> Self {
        Self { value: 1.0, basis: Basis::Declared }
    }

    /// Returns a measured share.
    #[must_use]
    pub const fn calibrated(value: f64) -> Self {
        Self { value, basis: Basis::Calibrated }
    }

    /// Returns the confidence in what nobody has measured.
    #[must_use]
    pub const fn none() -> Self {
        Self { value: 0.0, basis: Basis::Uncalibrated }
    }
}
