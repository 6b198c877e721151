//! The section `[models]` as it is written: tiers, endpoints, prices.

use std::{collections::BTreeMap, fmt, num::NonZeroU32, time::Duration};

use mainstay_core::{
    model::{ModelChain, ModelId, Price, Tier},
    tool::RateLimit,
};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// `[models]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ModelsSection {
    pub(super) default: Option<ModelId>,
    pub(super) tiers: Tiers,
    pub(super) endpoints: BTreeMap<String, EndpointSection>,
    pub(super) prices: BTreeMap<ModelId, Dollars>,
}

/// `[models.tiers]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tiers {
    frontier: Option<Chain>,
    workhorse: Option<Chain>,
    fast: Option<Chain>,
}

impl Tiers {
    pub(super) fn chains(self) -> BTreeMap<Tier, ModelChain> {
        let all = [
            (Tier::Frontier, self.frontier),
            (Tier::Workhorse, self.workhorse),
            (Tier::Fast, self.fast),
        ];
        all.into_iter().filter_map(|(tier, chain)| Some((tier, chain?.0))).collect()
    }
}

/// `[models.endpoints.NAME]`. What is needed is looked for once variables have had their say.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EndpointSection {
    pub(super) dialect: Option<Dialect>,
    pub(super) base_url: Option<String>,
    pub(super) key_env: Option<String>,
    pub(super) rate: Option<Rate>,
    pub(super) concurrency: Option<NonZeroU32>,
    pub(super) hedge_after: Option<Span>,
    pub(super) price: Option<Dollars>,
}

/// The language that an endpoint speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dialect {
    /// OpenAI's chat completions.
    Openai,
    /// OpenAI's responses.
    OpenaiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's content streams.
    Gemini,
    /// Ollama's own chat, which costs nothing.
    Ollama,
}

impl Dialect {
    pub(crate) const ALL: [Self; 5] =
        [Self::Openai, Self::OpenaiResponses, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// Returns the name, which is also that of the vendor's own endpoint.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::OpenaiResponses => "openai-responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}

/// One model, a list of models, or a table with `models` and `hedge_after`.
#[derive(Debug, Clone, PartialEq)]
struct Chain(ModelChain);

/// The long form of a chain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongChain {
    models: Models,
    #[serde(default)]
    hedge_after: Option<Span>,
}

/// One model or several.
struct Models(ModelChain);

fn chain_of<E: de::Error>(models: Vec<ModelId>) -> Result<ModelChain, E> {
    let mut models = models.into_iter();
    let first = models.next().ok_or_else(|| E::custom("a tier needs at least one model"))?;
    Ok(models.fold(ModelChain::new(first), ModelChain::then))
}

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ChainVisitor { table: true }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(ChainVisitor { table: false }).map(Self)
    }
}

/// Reads a chain in any form; in `table` also the long one. Each form refuses what it does not know,
/// which an untagged choice between them could not say.
struct ChainVisitor {
    table: bool,
}

impl<'de> Visitor<'de> for ChainVisitor {
    type Value = ModelChain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a model such as \"openai:gpt-4.1\" or a list of models")?;
        if self.table {
            f.write_str(", or a table with `models` and `hedge_after`")
        } else {
            Ok(())
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ModelChain, E> {
        text.parse::<ModelId>().map(ModelChain::new).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ModelChain, A::Error> {
        let mut models = Vec::new();
        while let Some(model) = seq.next_element()? {
            models.push(model);
        }
        chain_of(models)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ModelChain, A::Error> {
        if !self.table {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        }
        let LongChain { models, hedge_after } =
            LongChain::deserialize(MapAccessDeserializer::new(map))?;
        Ok(match hedge_after {
            Some(Span(span)) => models.0.with_hedge_after(span),
            None => models.0,
        })
    }
}

/// A span such as `30s` or `2m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl TryFrom<String> for Span {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let span = crate::cli::span::read(&text).filter(|span| !span.is_zero());
        span.map(Self).ok_or_else(|| format!("`{text}` is no span: write `500ms`, `30s` or `2m`"))
    }
}

/// So many calls in a span, such as `60/1m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Rate(pub(super) RateLimit);

impl TryFrom<String> for Rate {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let read = || {
            let (calls, per) = text.split_once('/')?;
            let calls = calls.trim().parse::<NonZeroU32>().ok()?;
            let Span(per) = Span::try_from(per.trim().to_owned()).ok()?;
            Some(Self(RateLimit::new(calls.get(), per)))
        };
        read().ok_or_else(|| format!("`{text}` is no rate: write calls and span, such as `60/1m`"))
    }
}

/// A price in dollars for a million tokens, as vendors print it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "WrittenPrice")]
pub(super) struct Dollars(pub(super) Price);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrice {
    input: f64,
    #[serde(default)]
    cached_input: Option<f64>,
    output: f64,
}

impl TryFrom<WrittenPrice> for Dollars {
    type Error = String;
    fn try_from(written: WrittenPrice) -> Result<Self, String> {
        Ok(Self(Price {
            input_per_million: micros(written.input)?,
            cached_input_per_million: written.cached_input.map(micros).transpose()?,
            output_per_million: micros(written.output)?,
        }))
    }
}

/// What a call costs, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Dollar(pub(super) u64);

impl TryFrom<f64> for Dollar {
    type Error = String;
    fn try_from(dollars: f64) -> Result<Self, String> {
        micros(dollars)
            .map(Self)
            .map_err(|_| format!("`{dollars}` is no price of a call in dollars"))
    }
}

/// A million tokens of the dearest model cost far less than this.
const DEAREST: f64 = 1e6;

/// Rounds up: a ceiling must hold.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the amount is checked to lie between 0 and a million dollars"
)]
fn micros(dollars: f64) -> Result<u64, String> {
    // A tenth of a dollar has no exact form: a millionth of a micro-dollar more is no price.
    let micros = (dollars * 1e6 - 1e-6).ceil();
    let fits = (0.0..=DEAREST).contains(&dollars);
    fits.then_some(micros.max(0.0) as u64)
        .ok_or_else(|| format!("`{dollars}` is no price in dollars for a million tokens"))
}
