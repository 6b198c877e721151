//! What makes a graph unsound. `#[flow]` refuses the same mistakes when it compiles; a declarative
//! file has no compiler, and `flows check` asks here.
//!
//! Every rule looks at the whole definition and says all it finds, so one reading is enough.

pub mod near;
mod paths;
mod rules;

use std::fmt;

use super::{FlowDefinition, StepName};

/// One mistake in a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The step it is about; `None` for the flow as a whole.
    pub step: Option<StepName>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub hint: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.step {
            Some(step) => write!(f, "{step}: {}; {}", self.message, self.hint),
            None => write!(f, "{}; {}", self.message, self.hint),
        }
    }
}

/// Returns everything that is wrong with a definition; empty when it is sound.
#[must_use]
pub fn check(flow: &FlowDefinition) -> Vec<Finding> {
    rules::ALL.iter().flat_map(|rule| rule(flow)).collect()
}

#[cfg(test)]
pub(in crate::flow) mod sample;
#[cfg(test)]
mod tests;
