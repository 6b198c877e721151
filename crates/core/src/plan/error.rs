//! What is wrong with a plan, where, and by which code a person looks it up.

use std::fmt;

use serde::Serialize;

use crate::{code::Code, failure::Failure};

/// One thing that is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanFault {
    /// The stable code.
    pub code: Code,
    /// The step, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Where in the plan, as a JSON pointer; empty for the plan as a whole.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl PlanFault {
    /// Makes a fault of the plan at a JSON pointer.
    #[must_use]
    pub fn at(code: Code, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, step: None, path: path.into(), message: message.into() }
    }

    /// Says which step it is about.
    #[must_use]
    pub fn of_step(mut self, id: &str) -> Self {
        self.step = Some(id.to_owned());
        self
    }
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(step) = &self.step {
            write!(f, "step `{step}`, ")?;
        }
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "at {path}: {}", self.message)
    }
}

/// Everything that is wrong with a plan; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PlanFaults(Vec<PlanFault>);

impl PlanFaults {
    /// Makes an error of what was found, if anything was.
    ///
    /// # Errors
    /// Something was found.
    pub fn unless_none(found: Vec<PlanFault>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// Returns the code of the first fault.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.first().map_or(Code::PlanInvalid, |fault| fault.code)
    }

    /// Returns the faults in the order of the plan.
    #[must_use]
    pub fn all(&self) -> &[PlanFault] {
        &self.0
    }

    /// Returns them as a failure that another attempt cannot mend.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        Failure::permanent(self.code(), self.to_string())
    }
}

impl From<PlanFault> for PlanFaults {
    fn from(fault: PlanFault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for PlanFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join("; "))
    }
}

impl std::error::Error for PlanFaults {}
