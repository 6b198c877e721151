//! What an answer may claim: the facts it is written from, and the check that it keeps to them.
//!
//! # Why the check is code
//!
//! A model that writes to customers invents an amount or a day sooner or later, or copies one that
//! a letter slipped in. Asking a second model whether the first one lied moves the problem. Every
//! claim that can cost money has a digit, an `@` or a link in it, and those can be compared.

mod claim;
mod sentence;

use serde::{Deserialize, Serialize};

use self::claim::claims;

/// The sentences an answer is written from; the model sees exactly these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Facts(Vec<String>);

impl Facts {
    /// Adds a sentence.
    #[must_use]
    pub fn with(mut self, sentence: impl Into<String>) -> Self {
        self.0.push(sentence.into());
        self
    }

    /// Adds the sentences of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the sentences, one a line.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.join("\n")
    }

    /// Returns every claim of `answer` that is not among the facts, as it stands in the answer:
    /// numbers, amounts, days, order numbers, addresses and links.
    #[must_use]
    pub fn unfounded(&self, answer: &str) -> Vec<String> {
        let known: Vec<_> = claims(&self.text()).into_iter().map(|claim| claim.meaning).collect();
        let mut unfounded: Vec<String> = Vec::new();
        for claim in claims(answer) {
            if !known.iter().any(|fact| fact.covers(&claim.meaning))
                && !unfounded.contains(&claim.words)
            {
                unfounded.push(claim.words);
            }
        }
        unfounded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(facts: &str, answer: &str, unfounded: &[&str]) {
        assert_eq!(Facts::default().with(facts).unfounded(answer), unfounded, "{answer}");
    }

    const FACTS: &str = "Order HP-20117 was delivered on 2026-09-01. 49.90 EUR go back. A piece of \
                         Ember fairy lights, 10 m is worth 1299.00 EUR.";

    #[test]
    fn an_answer_may_say_what_the_facts_say_in_other_forms() {
        check(FACTS, "Your order HP-20117 arrived on 1 September 2026.", &[]);
        check(FACTS, "It came on September 1st, and €49.90 go back.", &[]);
        check(FACTS, "That is 1,299 euros, for 10 m (order hp-20117).", &[]);
    }

    #[test]
    fn an_answer_may_not_invent_amounts_days_or_numbers() {
        check(FACTS, "We pay 5000 EUR back.", &["5000"]);
        check(FACTS, "It came on 2 September 2026.", &["2 September 2026"]);
        check(FACTS, "Order HP-20118, 49.91 EUR!", &["HP-20118", "49.91"]);
        check(FACTS, "within 14 days, 14 days", &["14"]);
    }

    #[test]
    fn an_answer_may_not_name_addresses_or_links_of_its_own() {
        check(
            FACTS,
            "Write to me@evil.example or see https://evil.example/x.",
            &["me@evil.example", "https://evil.example/x"],
        );
        check(FACTS, "Send it to DE89370400440532013000", &["DE89370400440532013000"]);
    }
}
