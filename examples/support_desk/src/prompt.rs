//! What models are told: three files, filled in by plain code.

use std::fmt;

use crate::shop::Order;

/// A prompt: what the model is, and what it is asked. The file has both, parted by a line `---`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The system text, the same for every letter.
    pub system: String,
    /// The question.
    pub user: String,
}

/// A prompt's text, with `{{placeholders}}` in its second part.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    name: &'static str,
    text: &'static str,
}

/// What a letter is about. Placeholders: `ticket`, `from`, `subject`, `body`.
pub const CLASSIFY: Template =
    Template { name: "classify", text: include_str!("../prompts/classify.md") };

/// What the writer wants. Placeholders: `ticket`, `category`, `orders`, `subject`, `body`.
pub const EXTRACT: Template =
    Template { name: "extract", text: include_str!("../prompts/extract.md") };

/// The answer. Placeholders: `ticket`, `name`, `facts`, `complaint`, `subject`, `body`.
pub const COMPOSE: Template =
    Template { name: "compose", text: include_str!("../prompts/compose.md") };

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptError {
    /// The file has no line `---`.
    OnePart {
        /// The template.
        template: &'static str,
    },
    /// A placeholder without a value.
    Missing {
        /// The template.
        template: &'static str,
        /// The placeholder.
        placeholder: String,
    },
    /// A value without a placeholder.
    Unused {
        /// The template.
        template: &'static str,
        /// The value's name.
        placeholder: String,
    },
}

impl fmt::Display for PromptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnePart { template } => write!(f, "prompt `{template}` has no line `---`"),
            Self::Missing { template, placeholder } => {
                write!(f, "prompt `{template}` needs a value for `{placeholder}`")
            }
            Self::Unused { template, placeholder } => {
                write!(f, "prompt `{template}` has no place for `{placeholder}`")
            }
        }
    }
}

impl std::error::Error for PromptError {}

/// Returns what goes in for `orders`: one line an order, as given.
#[must_use]
pub fn order_lines(orders: &[Order]) -> String {
    let line = |order: &Order| {
        let names: Vec<_> = order.items.iter().map(|item| item.name.as_str()).collect();
        format!("{} of {}, {}: {}", order.id, order.placed, order.status.word(), names.join("; "))
    };
    match orders {
        [] => "none".to_owned(),
        orders => orders.iter().map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// Returns what goes in for `complaint`: nothing for a first draft, and for the next one why the
/// last could not be sent.
#[must_use]
pub fn complaint(faults: &[String]) -> String {
    match faults {
        [] => String::new(),
        faults => format!(
            "Your last draft cannot be sent: {}. Write it again without that.",
            faults.join("; ")
        ),
    }
}

impl Template {
    /// Returns the name, which is also the name of the call's output.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the prompt with its placeholders replaced. Values are not looked into: a letter that
    /// says `{{facts}}` stays a letter that says so.
    ///
    /// # Errors
    /// A placeholder without a value, or a value without a placeholder.
    pub fn fill(&self, values: &[(&str, &str)]) -> Result<Prompt, PromptError> {
        let template = self.name;
        let (system, rest) =
            self.text.split_once("\n---\n").ok_or(PromptError::OnePart { template })?;
        let unused = |name: &&(&str, &str)| !rest.contains(&format!("{{{{{}}}}}", name.0));
        if let Some((name, _)) = values.iter().find(unused) {
            return Err(PromptError::Unused { template, placeholder: (*name).to_owned() });
        }
        let user = replaced(rest, values)
            .map_err(|placeholder| PromptError::Missing { template, placeholder })?;
        Ok(Prompt { system: system.trim().to_owned(), user: user.trim().to_owned() })
    }
}

fn replaced(text: &str, values: &[(&str, &str)]) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| after.to_owned())?;
        let value = values.iter().find(|(given, _)| *given == name);
        let (_, value) = value.ok_or_else(|| name.to_owned())?;
        filled.push_str(before);
        filled.push_str(value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[(&str, &str)]) -> Result<Prompt, PromptError> {
        Template { name: "test", text: "Be kind.\n---\nTo {{name}}: {{body}}" }.fill(values)
    }

    #[test]
    fn values_are_put_in_and_not_looked_into() {
        let prompt = filled(&[("name", "Anna"), ("body", "{{name}}")]).unwrap();
        assert_eq!(prompt.system, "Be kind.");
        assert_eq!(prompt.user, "To Anna: {{name}}");
    }

    #[test]
    fn a_missing_value_and_a_useless_one_are_errors() {
        let missing = filled(&[("name", "Anna")]).unwrap_err();
        assert_eq!(missing.to_string(), "prompt `test` needs a value for `body`");
        let unused = filled(&[("name", "A"), ("body", "B"), ("tone", "C")]).unwrap_err();
        assert_eq!(unused.to_string(), "prompt `test` has no place for `tone`");
    }

    #[test]
    fn every_prompt_takes_its_documented_values() {
        let classify = ["ticket", "from", "subject", "body"].map(|name| (name, "x"));
        let extract = ["ticket", "category", "orders", "subject", "body"].map(|name| (name, "x"));
        let compose =
            ["ticket", "name", "facts", "complaint", "subject", "body"].map(|name| (name, "x"));
        assert!(CLASSIFY.fill(&classify).is_ok());
        assert!(EXTRACT.fill(&extract).is_ok());
        assert!(COMPOSE.fill(&compose).is_ok());
    }
}
