//! Which models a process may call: the program's own providers, the endpoints that environment and
//! configuration open, and what each tier stands for.

mod named;

use std::{path::Path, sync::Arc};

use mainstay_core::{
    budget::Limits,
    code::Code,
    model::{ModelCatalog, ModelChain, ModelId, Provider, Tier},
};
use mainstay_providers::{
    cassette::{Cassette, CassetteError},
    prices::Prices,
    scripted::{Script, Scripted},
    vendor::{Endpoint, EndpointError, Vendor},
};

use self::named::Named;
use crate::{
    cli::error::CliError,
    config::{Dialect, EndpointSettings, KeyState, ModelSettings},
};

/// Puts the catalogue together. `chosen` beats what the configuration says, which beats the program.
/// A model `scripted:FILE.yaml` is a script of the person's own, and `cassette:FILE.json` what was
/// recorded from a run; both are read now.
pub(crate) fn catalog(
    own: &[Arc<dyn Provider>],
    default: Option<&ModelId>,
    settings: &ModelSettings,
    chosen: Option<&ModelId>,
) -> Result<ModelCatalog, CliError> {
    let catalog = unchecked(own, default, settings, chosen)?;
    for (_, chain) in catalog.tiers() {
        chain.models().try_for_each(|model| served(model, &catalog, settings))?;
    }
    Ok(catalog)
}

/// As [`catalog`], although somebody may be missing whom a tier stands for.
pub(crate) fn unchecked(
    own: &[Arc<dyn Provider>],
    default: Option<&ModelId>,
    settings: &ModelSettings,
    chosen: Option<&ModelId>,
) -> Result<ModelCatalog, CliError> {
    let (prices, mut providers) = (Arc::new(prices(settings)), Vec::new());
    let mut catalog = bare(settings, prices.clone());
    for (tier, chain) in wanted(default, settings, chosen) {
        let chain = with_files(&chain, &mut providers)?;
        catalog = match tier {
            Some(tier) => catalog.with_tier(tier, chain),
            None => catalog.with_default(chain.first()),
        };
    }
    providers.extend(own.iter().cloned());
    let endpoints = endpoints(settings, &prices)
        .map_err(|error| CliError::new(error.code(), error.to_string()))?;
    providers.extend(endpoints);
    Ok(providers.into_iter().fold(catalog, ModelCatalog::with_provider))
}

/// Refuses a limit on money that some tier's model cannot be held to, before the run begins: its first
/// steps may act, and only a later one would find out.
pub(crate) fn priced(catalog: &ModelCatalog, limits: &Limits) -> Result<(), CliError> {
    let mut models = catalog.tiers().flat_map(|(_, chain)| chain.models());
    match models.find(|model| catalog.price(model).is_none()) {
        Some(model) if limits.usd.is_some() => {
            let message = format!("`{model}` has no price, so a limit on money cannot be kept");
            Err(CliError::new(Code::ModelUnpriced, message).with_hint(format!(
                "write its price under [models.prices] in mainstay.toml: \"{model}\" = {{ input = 1.0, \
                 output = 4.0 }}, in dollars for a million tokens"
            )))
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns a catalogue for a process that calls no model.
pub(crate) fn none(settings: &ModelSettings) -> ModelCatalog {
    ModelCatalog::new(Arc::new(prices(settings)))
}

/// Returns the price table: the bundled one, under the configuration's own prices.
pub(crate) fn prices(settings: &ModelSettings) -> Prices {
    let own = settings.prices.iter();
    own.fold(Prices::bundled(), |all, (model, price)| all.with_price(model.clone(), *price))
}

/// A catalogue that knows the endpoints' limits, and what is missing for those that are not there.
fn bare(settings: &ModelSettings, prices: Arc<Prices>) -> ModelCatalog {
    let mut catalog = ModelCatalog::new(prices);
    for (name, endpoint) in &settings.endpoints {
        catalog = catalog.with_traffic(name, endpoint.traffic);
        if let KeyState::Missing(hint) = &endpoint.key {
            catalog = catalog.with_missing(name, hint);
        }
    }
    catalog
}

/// Returns what each tier is to stand for, the strongest wish first; without a tier, all others.
fn wanted(
    default: Option<&ModelId>,
    settings: &ModelSettings,
    chosen: Option<&ModelId>,
) -> Vec<(Option<Tier>, ModelChain)> {
    if let Some(chosen) = chosen {
        return vec![(None, chosen.clone().into())];
    }
    let tiers = settings.tiers.iter().map(|(tier, chain)| (Some(*tier), chain.clone()));
    let defaults = settings.default.iter().chain(default);
    tiers.chain(defaults.map(|model| (None, model.clone().into()))).collect()
}

/// Reads the scripts and cassettes that a chain names by their files, and returns the chain of their
/// models.
fn with_files(
    chain: &ModelChain,
    providers: &mut Vec<Arc<dyn Provider>>,
) -> Result<ModelChain, CliError> {
    let mut read = |model: &ModelId| {
        if model.provider() == Cassette::NAME {
            providers.push(Arc::new(cassette_of(model)?));
        }
        let Some(script) = script_of(model)? else { return Ok(model.clone()) };
        let id = id_of(&script)?;
        providers.push(Arc::new(Scripted::new().with_script(script)));
        Ok::<_, CliError>(id)
    };
    let mut whole = ModelChain::new(read(chain.first())?);
    for model in chain.models().skip(1) {
        whole = whole.then(read(model)?);
    }
    Ok(match chain.hedge_after() {
        Some(span) => whole.with_hedge_after(span),
        None => whole,
    })
}

/// Reads the script that a model names by its file.
fn script_of(model: &ModelId) -> Result<Option<Script>, CliError> {
    let path = Path::new(model.name());
    let is_yaml =
        path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if model.provider() != Scripted::NAME || !is_yaml {
        return Ok(None);
    }
    Script::load(path)
        .map(Some)
        .map_err(|error| CliError::new(error.code(), error.to_string()).with_hint(error.hint))
}

/// Reads the cassette that a model names by its file.
fn cassette_of(model: &ModelId) -> Result<Cassette, CliError> {
    Cassette::load(Path::new(model.name())).map_err(|error| {
        CliError::new(error.code(), error.to_string()).with_hint(CassetteError::HINT)
    })
}

fn id_of(script: &Script) -> Result<ModelId, CliError> {
    let id = format!("{}:{}", Scripted::NAME, script.model());
    id.parse().map_err(|_| {
        let message = format!("{}: `{}` is not the name of a model", script.file(), script.model());
        CliError::new(Code::ScriptInvalid, message).with_hint("write `model: NAME` without spaces")
    })
}

/// Returns every endpoint whose key is there, or that needs none.
fn endpoints(
    settings: &ModelSettings,
    prices: &Arc<Prices>,
) -> Result<Vec<Arc<dyn Provider>>, EndpointError> {
    let mut endpoints = Vec::<Arc<dyn Provider>>::new();
    for (name, settings) in &settings.endpoints {
        let key = match &settings.key {
            KeyState::Set(key) => Some(key.clone()),
            KeyState::NotNeeded => None,
            KeyState::Missing(_) => continue,
        };
        let endpoint = address(settings)?;
        let vendor = vendor(settings, key.into_iter().fold(endpoint, Endpoint::with_key))?;
        endpoints.push(match vendor.name() == name {
            true => Arc::new(vendor),
            false => {
                let prices = settings.base_url.is_none().then(|| prices.clone());
                Arc::new(Named { name: name.clone(), vendor, prices })
            }
        });
    }
    Ok(endpoints)
}

fn vendor(settings: &EndpointSettings, endpoint: Endpoint) -> Result<Vendor, EndpointError> {
    let vendor = match settings.dialect {
        Dialect::Openai => Vendor::openai(endpoint),
        Dialect::OpenaiResponses => Vendor::openai_responses(endpoint),
        Dialect::Anthropic => Vendor::anthropic(endpoint),
        Dialect::Gemini => Vendor::gemini(endpoint),
        Dialect::Ollama => Vendor::ollama(endpoint),
    }?;
    Ok(settings.price.into_iter().fold(vendor, Vendor::with_price))
}

fn address(settings: &EndpointSettings) -> Result<Endpoint, EndpointError> {
    let at = |usual: &'static str| settings.base_url.as_deref().unwrap_or(usual);
    match settings.dialect {
        Dialect::Openai | Dialect::OpenaiResponses => Endpoint::new(at(Endpoint::OPENAI)),
        Dialect::Anthropic => Endpoint::new(at(Endpoint::ANTHROPIC)),
        Dialect::Gemini => Endpoint::new(at(Endpoint::GEMINI)),
        Dialect::Ollama => Endpoint::ollama(at(Endpoint::OLLAMA)),
    }
}

/// Says why nobody could answer, before anything is spent.
fn served(
    model: &ModelId,
    catalog: &ModelCatalog,
    settings: &ModelSettings,
) -> Result<(), CliError> {
    if catalog.candidates(&model.clone().into()).is_ok() {
        return Ok(());
    }
    if let Some(EndpointSettings { key: KeyState::Missing(hint), .. }) =
        settings.endpoints.get(model.provider())
    {
        let message = format!("`{model}` cannot be asked: the key of its endpoint is not set");
        return Err(CliError::new(Code::ModelKeyMissing, message).with_hint(hint));
    }
    let names: Vec<_> = settings.endpoints.keys().map(String::as_str).collect();
    let names = mainstay_core::flow::check::near::list(&names);
    Err(CliError::new(Code::ModelUnknown, format!("nobody serves `{model}`"))
        .with_hint(format!("endpoints are {names}, and what the program brings")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Settings;

    fn settings(pairs: &[(&str, &str)]) -> ModelSettings {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::read(pairs.iter().map(own).collect::<BTreeMap<_, _>>()).unwrap().models
    }

    #[test]
    fn a_vendor_without_a_key_says_which_variable_opens_it() {
        let model: ModelId = "openai:gpt-4.1".parse().unwrap();
        let error = catalog(&[], None, &settings(&[]), Some(&model)).unwrap_err();
        assert_eq!(error.code, Code::ModelKeyMissing);
        assert!(error.hint.unwrap().contains("OPENAI_API_KEY"));
    }

    #[test]
    fn a_later_model_of_a_chain_needs_its_key_too() {
        let tier = ("MAINSTAY__MODELS__TIERS__FAST", r#"["ollama:a", "anthropic:b"]"#);
        let error = catalog(&[], None, &settings(&[tier]), None).unwrap_err();
        assert_eq!(
            error.hint.as_deref(),
            Some("set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a server of your own")
        );
        assert!(catalog(&[], None, &settings(&[tier, ("ANTHROPIC_API_KEY", "k")]), None).is_ok());
    }

    #[test]
    fn the_chosen_model_serves_every_tier() {
        let chosen: ModelId = "ollama:a".parse().unwrap();
        let settings = settings(&[("MAINSTAY__MODELS__FAST", "ollama:b")]);
        let of = |chosen: Option<&ModelId>| {
            let catalog = catalog(&[], None, &settings, chosen).unwrap();
            catalog.resolve(&Tier::Fast.into()).unwrap().0.to_string()
        };
        assert_eq!(of(None), "ollama:b");
        assert_eq!(of(Some(&chosen)), "ollama:a");
    }

    #[test]
    fn an_endpoint_of_another_name_has_the_vendors_prices_only_at_the_vendors_address() {
        let price = |base_url: &[(&str, &str)]| {
            let dialect = ("MAINSTAY__MODELS__ENDPOINTS__WORK__DIALECT", "openai");
            let key = ("MAINSTAY__MODELS__ENDPOINTS__WORK__KEY_ENV", "WORK_KEY");
            let all = [&[dialect, key, ("WORK_KEY", "k")], base_url].concat();
            let catalog = catalog(&[], None, &settings(&all), None).unwrap();
            catalog.price(&"work:gpt-4.1-mini".parse().unwrap()).map(|p| p.input_per_million)
        };
        assert_eq!(price(&[]), Some(400_000));
        let elsewhere = ("MAINSTAY__MODELS__ENDPOINTS__WORK__BASE_URL", "http://127.0.0.1:1/v1");
        assert_eq!(price(&[elsewhere]), None);
    }
}
