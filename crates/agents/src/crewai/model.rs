//! What `llm` means: a vendor's model, or whatever the caller says stands for the text.

use std::collections::BTreeMap;

use mainstay_core::model::ModelName;

use super::{entry::Entry, fields::LLM, node::Node};

/// Which vendor a model belongs to that is named without one, by how its name begins.
const VENDORS: [(&str, &str); 7] = [
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude-", "anthropic"),
    ("gemini-", "gemini"),
];

/// Vendors that CrewAI knows by another name.
const ALIASES: [(&str, &str); 3] =
    [("google", "gemini"), ("google_genai", "gemini"), ("ollama_chat", "ollama")];

/// Returns the model that a text names, or why it names none. What `models` says comes first: so a
/// crew written for one vendor runs on another, or on a tier, without a change of its files.
pub(super) fn named(text: &str, models: &BTreeMap<String, ModelName>) -> Result<ModelName, String> {
    if let Some(model) = models.get(text) {
        return Ok(model.clone());
    }
    let written = match text.split_once('/') {
        // A colon in front of the slash is ours, as in `ollama:library/llama3`.
        Some((vendor, name)) if !vendor.contains(':') => format!("{}:{name}", alias(vendor)),
        Some(_) => text.to_owned(),
        None => match VENDORS.iter().find(|(begin, _)| text.starts_with(begin)) {
            Some((_, vendor)) => format!("{vendor}:{text}"),
            None => text.to_owned(),
        },
    };
    written.parse().map_err(|_| {
        format!(
            "`{text}` is no model: write `vendor/name`, a tier (`frontier`, `workhorse`, `fast`), or \
             say under `models` in `mainstay.yaml` what it stands for"
        )
    })
}

fn alias(vendor: &str) -> &str {
    ALIASES.iter().find(|(theirs, _)| *theirs == vendor).map_or(vendor, |(_, ours)| ours)
}

/// A model as a field names it.
pub(super) struct Llm {
    pub(super) model: ModelName,
    pub(super) max_tokens: Option<u32>,
}

/// Reads the field `name` of an entry: a text, or a mapping with `model`.
pub(super) fn read(
    entry: &mut Entry<'_>,
    name: &str,
    models: &BTreeMap<String, ModelName>,
) -> Option<Llm> {
    if !matches!(entry.get(name)?.value, Node::Mapping(_)) {
        let text = entry.text(name)?;
        return match named(&text, models) {
            Ok(model) => Some(Llm { model, max_tokens: None }),
            Err(problem) => {
                entry.wrong(name, problem);
                None
            }
        };
    }
    let mut inner = entry.inner(name, LLM)?;
    let max_tokens =
        inner.small_number("max_completion_tokens").or_else(|| inner.small_number("max_tokens"));
    let text = inner.required("model");
    match named(&text, models) {
        Ok(model) => Some(Llm { model, max_tokens }),
        Err(problem) => {
            inner.wrong("model", problem);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::model::Tier;

    use super::*;

    #[test]
    fn a_model_is_named_as_crewai_names_it_or_as_we_do() {
        let models = BTreeMap::from([("openai/gpt-4o".to_owned(), Tier::Fast.into())]);
        let cases = [
            ("openai/gpt-4o-mini", "openai:gpt-4o-mini"),
            ("gpt-4o", "openai:gpt-4o"),
            ("o3-mini", "openai:o3-mini"),
            ("claude-3-5-sonnet-latest", "anthropic:claude-3-5-sonnet-latest"),
            ("google/gemini-2.0-flash", "gemini:gemini-2.0-flash"),
            ("ollama/llama3.2:3b", "ollama:llama3.2:3b"),
            ("groq/meta/llama-3", "groq:meta/llama-3"),
            ("scripted:desk", "scripted:desk"),
            ("frontier", "frontier"),
            ("openai/gpt-4o", "fast"),
        ];
        for (text, expected) in cases {
            assert_eq!(named(text, &models).unwrap().to_string(), expected, "{text}");
        }
        assert!(named("my_llm", &models).unwrap_err().contains("`my_llm` is no model"));
    }
}
