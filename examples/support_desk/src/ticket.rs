//! The sample letters, written as people write, and what must come of each.

use std::fmt;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    cents::Cents,
    id::{OrderId, ProductId, TicketId},
    wish::Category,
};

const SAMPLES: &str = include_str!("../tickets.yaml");
const SIGN_UPS: &str = include_str!("../sign_ups.yaml");

/// A letter to the desk; the input of the flow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// The writer's address.
    pub from: String,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The day it arrived; deadlines count from here.
    pub arrived_at: Date,
}

/// A sample letter with what must come of it. The flow and its models never see the second part.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The letter.
    pub ticket: Ticket,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a letter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The lane.
    pub category: Category,
    /// The outcome of each wish, the main one first.
    pub outcomes: Vec<Outcome>,
}

/// The outcome of one wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// So much goes back.
    Refund(Cents),
    /// A person is asked about so much; the sample run leaves it waiting.
    Review(Cents),
    /// This leaves in exchange.
    Exchange(ProductId),
    /// This order is called off.
    Cancelled(OrderId),
    /// A question, or a question back.
    Answered,
    /// The policy says no.
    Refused,
    /// The run stops at its budget before anything happens.
    BudgetStop,
}

/// Somebody who wants an account; the input of the onboarding flow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// First and last name.
    pub name: String,
    /// The address; one with [`LOYALTY_REFUSES`](crate::shop::LOYALTY_REFUSES) in it fails at the
    /// second system.
    pub email: String,
    /// Where parcels go.
    pub city: String,
}

/// A file of samples that does not read.
#[derive(Debug)]
pub struct SampleError {
    file: &'static str,
    problem: String,
}

impl fmt::Display for SampleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.problem)
    }
}

impl std::error::Error for SampleError {}

/// Returns the sample letters, by number.
///
/// # Errors
/// The file that is built into the program does not read.
pub fn samples() -> Result<Vec<Sample>, SampleError> {
    read("tickets.yaml", SAMPLES)
}

/// Returns the sample sign-ups; the last one fails at the second system.
///
/// # Errors
/// The file that is built into the program does not read.
pub fn sign_ups() -> Result<Vec<SignUp>, SampleError> {
    read("sign_ups.yaml", SIGN_UPS)
}

fn read<T: serde::de::DeserializeOwned>(
    file: &'static str,
    text: &str,
) -> Result<Vec<T>, SampleError> {
    serde_saphyr::from_str(text).map_err(|error| SampleError { file, problem: error.to_string() })
}
