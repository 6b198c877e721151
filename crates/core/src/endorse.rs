//! Rules that vouch for a value from outside: what they admit may be acted on.
//!
//! A label only gets stricter by itself. A value that comes from outside and has to decide something
//! all the same is looked at by a rule with a name, or by a person, and the journal says which. A
//! rule is a JSON Schema that leaves an attacker nothing to choose: a list of values, a number within
//! limits, an id of a fixed form.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::{
    code::Code,
    failure::Failure,
    schema::{SchemaCheck, SchemaError},
};

/// The rules of a program, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Endorsements {
    rules: BTreeMap<String, Value>,
}

/// Why a value was not endorsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotEndorsed {
    /// The program has no rule of that name.
    Unknown(String),
    /// The value is not one that the rule admits.
    Unfit {
        /// The rule.
        rule: String,
        /// What does not fit.
        error: SchemaError,
    },
}

impl Endorsements {
    /// Adds a rule.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, schema: Value) -> Self {
        self.rules.insert(name.into(), schema);
        self
    }

    /// Looks at a value by a rule.
    ///
    /// # Errors
    /// There is no such rule, or it does not admit the value.
    pub fn check(
        &self,
        schema: &dyn SchemaCheck,
        rule: &str,
        value: &Value,
    ) -> Result<(), NotEndorsed> {
        let Some(admits) = self.rules.get(rule) else {
            return Err(NotEndorsed::Unknown(rule.to_owned()));
        };
        match schema.errors(admits, value).into_iter().next() {
            Some(error) => Err(NotEndorsed::Unfit { rule: rule.to_owned(), error }),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NotEndorsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(rule) => write!(f, "there is no rule `{rule}` that endorses values"),
            Self::Unfit { rule, error } => write!(f, "rule `{rule}` does not endorse it: {error}"),
        }
    }
}

impl std::error::Error for NotEndorsed {}

impl From<NotEndorsed> for Failure {
    fn from(why: NotEndorsed) -> Self {
        Self::permanent(Code::NotEndorsed, why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Takes a schema for a list of values.
    struct Listed;

    impl SchemaCheck for Listed {
        fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError> {
            let listed = schema.as_array().is_some_and(|values| values.contains(value));
            if listed { Vec::new() } else { vec![SchemaError::whole("is not on the list")] }
        }
    }

    #[test]
    fn a_value_is_endorsed_by_the_rule_that_is_named_and_no_other() {
        let rules = Endorsements::default().with("unit", json!(["eur", "usd"]));
        assert_eq!(rules.check(&Listed, "unit", &json!("eur")), Ok(()));
        let unfit = rules.check(&Listed, "unit", &json!("btc")).unwrap_err();
        assert_eq!(unfit.to_string(), "rule `unit` does not endorse it: at /: is not on the list");
        let unknown = rules.check(&Listed, "units", &json!("eur"));
        assert_eq!(unknown, Err(NotEndorsed::Unknown("units".to_owned())));
    }
}
