//! Steps whose code is a worker's, in another process and perhaps in another language.
//!
//! Graph, inputs and options of such a step are the flow's, as those of any other. What its code
//! does is one call of the worker's step, made like the call of a tool; nothing else may make it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::tool::{Grants, ToolSpec};

use super::StepOptions;

/// Which step of which worker is the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// The worker's name in the configuration.
    pub worker: String,
    /// What the worker calls its step.
    pub step: String,
}

/// What the call is named by.
impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.worker, self.step)
    }
}

impl StepOptions {
    /// Returns what the step may call: what its author grants, and the worker's step that is its
    /// code.
    #[must_use]
    pub fn callable(&self) -> Grants {
        let served = self.served.iter().map(ToString::to_string);
        self.grants.iter().cloned().chain(served).collect()
    }

    /// Returns whether a call is one that this step may make at all: a worker's step is called by
    /// the step whose code it is, whatever is granted.
    #[must_use]
    pub fn may_make(&self, spec: &ToolSpec) -> bool {
        let own = || self.served.as_ref().is_some_and(|served| served.to_string() == spec.name);
        !spec.is_step() || own()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tool::Origin;

    fn score() -> Served {
        Served { worker: "risk".to_owned(), step: "score".to_owned() }
    }

    fn spec(name: &str, origin: Origin) -> ToolSpec {
        ToolSpec::new(name, json!({})).with_origin(origin)
    }

    #[test]
    fn the_step_that_is_the_code_is_callable_without_being_granted() {
        let options = StepOptions { served: Some(score()), ..StepOptions::default() };
        assert_eq!(options.callable(), Grants::from_iter(["risk.score"]));
        assert_eq!(StepOptions::default().callable(), Grants::none());
    }

    #[test]
    fn a_grant_does_not_make_a_workers_step_a_tool() {
        let step = spec("risk.score", Origin::Step("risk".to_owned()));
        let tool = spec("risk.look", Origin::Worker("risk".to_owned()));
        let granted = ["risk.score", "risk.look"].map(str::to_owned).into();
        let granted = StepOptions { grants: granted, ..StepOptions::default() };
        assert!(!granted.may_make(&step) && granted.may_make(&tool));
        let own = StepOptions { served: Some(score()), ..StepOptions::default() };
        assert!(own.may_make(&step));
        assert!(!own.may_make(&spec("risk.other", Origin::Step("risk".to_owned()))));
    }

    #[test]
    fn a_step_with_a_body_is_written_as_before() {
        let written = serde_json::to_value(StepOptions::default()).unwrap();
        assert_eq!(written.get("served"), None);
        let own = StepOptions { served: Some(score()), ..StepOptions::default() };
        let read: StepOptions = serde_json::from_value(json!(own)).unwrap();
        assert_eq!(read, own);
    }
}
