//! Limits: of one run, and of all runs of a scope in a day or a month.

use std::collections::BTreeMap;

use mainstay_core::code::Code;
use serde::Deserialize;

pub use mainstay_core::{
    allowance::{Cap, CapError, CapScope, Period, Whose},
    budget::Limits,
};

use crate::cli::error::CliError;

/// A cap as a configuration file writes it: a table of `[[budgets]]`.
///
/// `tenant`, `flow` and `agent` say whose runs it counts, all of them where they are left out, and
/// each by itself for `"*"`. Everything else is a limit: `usd`, `tokens`, `input_tokens`,
/// `output_tokens`, `model_calls`, `tool_calls`.
#[derive(Debug, Clone, Deserialize)]
pub struct BudgetTable {
    #[serde(default)]
    tenant: Option<String>,
    #[serde(default)]
    flow: Option<String>,
    #[serde(default)]
    agent: Option<String>,
    period: Period,
    #[serde(flatten)]
    limits: BTreeMap<String, Amount>,
}

/// An amount: a number, or a text such as `"2.5m"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Amount {
    Whole(u64),
    Fraction(f64),
    Text(String),
}

impl Amount {
    fn text(&self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            // The shortest text that reads back as the number: what was written.
            Self::Fraction(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl BudgetTable {
    /// Returns the cap.
    ///
    /// # Errors
    /// A limit cannot be read, or is of something that cannot be capped.
    pub(crate) fn cap(&self) -> Result<Cap, CliError> {
        let limits = self.limits.iter().map(|(name, amount)| format!("{name}={}", amount.text()));
        let limits = limits.collect::<Vec<_>>().join(",");
        let wrong = |why: String| {
            CliError::new(Code::InvalidConfig, format!("a table of `[[budgets]]`: {why}"))
                .with_hint("write `period = \"day\"` or `\"month\"`, and limits such as `usd = 20`")
        };
        if limits.is_empty() {
            return Err(wrong(CapError::Nothing.to_string()));
        }
        let limits: Limits = limits.parse().map_err(|error| wrong(format!("{error}")))?;
        let whose = |name: &Option<String>| name.as_deref().map(Whose::read).unwrap_or_default();
        let scope = CapScope {
            tenant: whose(&self.tenant),
            flow: whose(&self.flow),
            agent: whose(&self.agent),
        };
        Cap::new(scope, self.period, limits).map_err(|error| wrong(error.to_string()))
    }
}

impl TryFrom<BudgetTable> for Cap {
    type Error = String;

    fn try_from(table: BudgetTable) -> Result<Self, String> {
        table.cap().map_err(|error| error.message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(table: serde_json::Value) -> Result<Cap, CliError> {
        serde_json::from_value::<BudgetTable>(table).unwrap().cap()
    }

    #[test]
    fn a_table_says_whose_runs_and_how_much() {
        let table = json!({ "tenant": "*", "flow": "refund", "period": "month",
                            "usd": 20.5, "tokens": "2m", "model_calls": 300 });
        let cap = read(table).unwrap();
        assert_eq!(cap.to_string(), "tenant=* flow=refund per month");
        let wanted = "usd=20.50,tokens=2000000,model_calls=300".parse();
        assert_eq!(Ok(*cap.limits()), wanted);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (table, message) in [
            (json!({ "period": "day" }), "a cap without a limit"),
            (json!({ "period": "day", "usdd": 1 }), "did you mean `usd`?"),
            (json!({ "period": "day", "wall": "1h" }), "`wall` cannot be capped"),
        ] {
            let error = read(table).unwrap_err();
            assert_eq!(error.code, Code::InvalidConfig);
            assert!(error.message.contains(message), "{}", error.message);
        }
    }
}
