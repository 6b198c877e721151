//! What models are told: three files, and what goes into them.

use mainstay::agents::prompt::{Bundled, PromptError, Prompts};

use crate::shop::Order;

/// What a letter is about.
pub static CLASSIFY: Bundled =
    Bundled::new("prompts/classify.md", include_str!("../prompts/classify.md"));

/// What the writer wants.
pub static EXTRACT: Bundled =
    Bundled::new("prompts/extract.md", include_str!("../prompts/extract.md"));

/// The answer.
pub static COMPOSE: Bundled =
    Bundled::new("prompts/compose.md", include_str!("../prompts/compose.md"));

/// Returns all of them.
///
/// # Errors
/// One of the files is not a prompt.
pub fn prompts() -> Result<Prompts, PromptError> {
    Prompts::bundled([&CLASSIFY, &EXTRACT, &COMPOSE])
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_prompt_whose_letter_comes_from_outside() {
        let prompts = prompts().unwrap();
        for name in ["classify", "extract", "compose"] {
            let variables = &prompts.newest(name).unwrap().variables;
            assert!(variables["subject"].untrusted && variables["body"].untrusted, "{name}");
        }
    }
}
