//! An answer that a model wrote, and what keeps it from being sent.

use mainstay::{Code, prelude::*};

use crate::facts::Facts;

/// An answer that a model wrote.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Draft {
    /// Counted from 1.
    pub(super) number: u32,
    pub(super) text: String,
    end: End,
}

/// How a draft ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum End {
    /// The model had said what it wanted.
    Whole,
    /// At the limit, in the middle of a sentence, or where the vendor's filter stepped in.
    Cut,
}

impl Draft {
    /// Takes what the writer wrote. One that never came to an end is a draft that breaks off: it can
    /// be asked again, and the facts can be sent as they are.
    ///
    /// # Errors
    /// There was no answer for another reason.
    pub(super) fn of(number: u32, written: Result<AgentReply, Failure>) -> Result<Self, Failure> {
        match written {
            Ok(reply) => Ok(Self { number, text: reply.text, end: End::Whole }),
            Err(failure) if failure.code == Code::AgentAnswer => {
                Ok(Self { number, text: failure.message, end: End::Cut })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Holds the draft against what is known, and says what is wrong with it.
    pub(super) fn check(self, facts: &Facts) -> Checked {
        let mut faults = Vec::new();
        if self.text.trim().is_empty() {
            faults.push("it is empty".to_owned());
        }
        if self.end == End::Cut {
            faults.push("it breaks off, so it has to be shorter".to_owned());
        }
        faults.extend(untrue(&facts.unfounded(&self.text)));
        Checked { draft: self, faults }
    }
}

fn untrue(unfounded: &[String]) -> Option<String> {
    let said = unfounded.join(" and ");
    (!unfounded.is_empty()).then(|| format!("it says {said}, which is not among the facts"))
}

/// A draft that was looked at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(super) struct Checked {
    pub(super) draft: Draft,
    /// Why it cannot be sent; the model is told so.
    pub(super) faults: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, end: End, faults: &[&str]) {
        let facts = Facts::default().with("44.70 EUR go back to your card.");
        let draft = Draft { number: 1, text: text.into(), end };
        assert_eq!(draft.check(&facts).faults, faults, "{text}");
    }

    #[test]
    fn a_draft_that_keeps_to_the_facts_can_be_sent() {
        check("44.70 EUR are on their way.", End::Whole, &[]);
    }

    #[test]
    fn a_draft_that_is_empty_cut_or_untrue_cannot() {
        check(" \n", End::Whole, &["it is empty"]);
        check("44.70 EUR are on their", End::Cut, &["it breaks off, so it has to be shorter"]);
        let untrue = "it says 50.00 and 14, which is not among the facts";
        check("50.00 EUR in 14 days", End::Whole, &[untrue]);
    }
}
