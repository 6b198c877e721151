//! How a model is named: by vendor and name, or by the tier that configuration maps to one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The text names no model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAModel(String);

impl fmt::Display for NotAModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a model: write VENDOR:NAME such as `openai:gpt-4.1-mini`, or a tier",
            self.0
        )
    }
}

impl std::error::Error for NotAModel {}

/// One model of one provider, printed as `openai:gpt-4.1-mini`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelId {
    provider: String,
    name: String,
}

impl ModelId {
    /// Returns the provider's name, the part before the first colon.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Returns the model's name as its vendor knows it; it may hold colons of its own.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.provider, self.name)
    }
}

impl FromStr for ModelId {
    type Err = NotAModel;
    fn from_str(text: &str) -> Result<Self, NotAModel> {
        match text.split_once(':') {
            Some((provider, name)) if is_word(provider) && is_word(name) => {
                Ok(Self { provider: provider.to_owned(), name: name.to_owned() })
            }
            _ => Err(NotAModel(text.to_owned())),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl TryFrom<String> for ModelId {
    type Error = NotAModel;
    fn try_from(text: String) -> Result<Self, NotAModel> {
        text.parse()
    }
}

impl From<ModelId> for String {
    fn from(id: ModelId) -> Self {
        id.to_string()
    }
}

/// How much model a step wants; configuration says which model that is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The strongest there is, at its price.
    Frontier,
    /// The model that does the daily work.
    Workhorse,
    /// The quickest and cheapest.
    Fast,
}

impl Tier {
    /// Every tier, strongest first.
    pub const ALL: [Self; 3] = [Self::Frontier, Self::Workhorse, Self::Fast];

    /// Returns the tier's name as it is written in flows and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Frontier => "frontier",
            Self::Workhorse => "workhorse",
            Self::Fast => "fast",
        }
    }
}

/// What a step asks for: one certain model, or whatever a tier stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ModelName {
    /// Whatever configuration maps the tier to.
    Tier(Tier),
    /// This model and no other.
    Exact(ModelId),
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tier(tier) => f.write_str(tier.name()),
            Self::Exact(id) => id.fmt(f),
        }
    }
}

impl FromStr for ModelName {
    type Err = NotAModel;
    fn from_str(text: &str) -> Result<Self, NotAModel> {
        match Tier::ALL.into_iter().find(|tier| tier.name() == text) {
            Some(tier) => Ok(Self::Tier(tier)),
            None => text.parse().map(Self::Exact),
        }
    }
}

impl TryFrom<String> for ModelName {
    type Error = NotAModel;
    fn try_from(text: String) -> Result<Self, NotAModel> {
        text.parse()
    }
}

impl From<ModelName> for String {
    fn from(name: ModelName) -> Self {
        name.to_string()
    }
}

impl From<Tier> for ModelName {
    fn from(tier: Tier) -> Self {
        Self::Tier(tier)
    }
}

impl From<ModelId> for ModelName {
    fn from(id: ModelId) -> Self {
        Self::Exact(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_the_colons_that_belong_to_the_vendor() {
        let id: ModelId = "ollama:llama3.2:3b".parse().unwrap();
        assert_eq!((id.provider(), id.name()), ("ollama", "llama3.2:3b"));
        assert_eq!(id.to_string(), "ollama:llama3.2:3b");
    }

    #[test]
    fn a_text_without_vendor_or_tier_names_nothing() {
        for text in ["", "gpt-4.1", ":gpt", "openai:", "openai:gpt 4", "quick"] {
            assert!(text.parse::<ModelName>().is_err(), "{text}");
        }
        assert_eq!("fast".parse(), Ok(ModelName::Tier(Tier::Fast)));
    }
}
