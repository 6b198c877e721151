//! The price table that comes with Mainstay, and prices of one's own on top of it.

use std::collections::BTreeMap;

use mainstay_core::{
    digest::{self, NotCanonical},
    model::{ModelId, Price, PriceTable},
};
use serde::Deserialize;

const BUNDLED: &str = include_str!("../data/prices.json");

/// Prices by model. What is not in it is unknown: there is no guessing by a similar name, for
/// dated versions of one model have had different prices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    version: String,
    as_of: String,
    models: BTreeMap<ModelId, Price>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    as_of: String,
    #[serde(rename = "source")]
    _source: String,
    #[serde(rename = "unit")]
    _unit: Unit,
    models: BTreeMap<ModelId, Price>,
}

/// Written into the file so that nobody enters dollars.
#[derive(Deserialize)]
enum Unit {
    #[serde(rename = "micro-dollars per million tokens")]
    MicroDollarsPerMillionTokens,
}

impl Prices {
    /// Returns the table that comes with this program.
    #[must_use]
    pub fn bundled() -> Self {
        // A test reads the file. Were it broken all the same, no price would be known, and no
        // model could run under a limit on money: the safe side.
        Self::parse(BUNDLED.as_bytes()).unwrap_or_default()
    }

    /// Reads a table from JSON in the form of the bundled one.
    ///
    /// # Errors
    /// Not such JSON.
    pub fn parse(json: &[u8]) -> Result<Self, NotCanonical> {
        let file: File = digest::parse(json)?;
        Ok(Self { version: file.version, as_of: file.as_of, models: file.models })
    }

    /// Sets a price of one's own. The version says that the table is no longer the bundled one.
    #[must_use]
    pub fn with_price(mut self, model: ModelId, price: Price) -> Self {
        if !self.version.ends_with(OWN) {
            self.version.push_str(OWN);
        }
        self.models.insert(model, price);
        self
    }

    /// Returns the day of the bundled prices, as `2025-11-30`.
    #[must_use]
    pub fn as_of(&self) -> &str {
        &self.as_of
    }

    /// Returns all models and their prices, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&ModelId, &Price)> {
        self.models.iter()
    }
}

/// OpenAI's models cost the same by both of its doors, and are listed under one.
fn by_other_door(model: &ModelId) -> Option<ModelId> {
    let name = (model.provider() == "openai-responses").then(|| model.name())?;
    format!("openai:{name}").parse().ok()
}

const OWN: &str = "+own";

impl PriceTable for Prices {
    fn price(&self, model: &ModelId) -> Option<Price> {
        let listed = self.models.get(model).or_else(|| self.models.get(&by_other_door(model)?));
        listed.copied()
    }

    fn version(&self) -> &str {
        &self.version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ModelId {
        text.parse().unwrap()
    }

    #[test]
    fn the_bundled_table_reads_and_its_prices_are_plausible() {
        let prices = Prices::parse(BUNDLED.as_bytes()).unwrap();
        assert!(prices.iter().count() > 20);
        for (model, price) in prices.iter() {
            let cached = price.cached_input_per_million.unwrap();
            assert!(cached <= price.input_per_million, "{model}");
            assert!(price.input_per_million < price.output_per_million, "{model}");
            assert!((10_000..200_000_000).contains(&price.output_per_million), "{model}: unit?");
        }
        let mini = prices.price(&id("openai:gpt-4.1-mini")).unwrap();
        assert_eq!((mini.input_per_million, mini.output_per_million), (400_000, 1_600_000));
        assert_eq!(prices.price(&id("openai-responses:gpt-4.1-mini")), Some(mini));
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        assert_eq!(Prices::bundled().price(&id("openai:gpt-4.1-mini-next")), None);
    }

    #[test]
    fn own_prices_go_first_and_show_in_the_version() {
        let own = Prices::bundled().with_price(id("openai:gpt-4.1"), Price::FREE);
        assert_eq!(own.price(&id("openai:gpt-4.1")), Some(Price::FREE));
        assert_eq!(own.version(), format!("{}+own", Prices::bundled().version()));
        assert_eq!(own.clone().with_price(id("a:b"), Price::FREE).version(), own.version());
    }

    #[test]
    fn a_table_in_another_unit_is_refused() {
        let dollars = BUNDLED.replace("micro-dollars per", "dollars per");
        assert!(Prices::parse(dollars.as_bytes()).is_err());
    }
}
