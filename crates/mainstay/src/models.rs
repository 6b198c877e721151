//! Which models a process may call: the program's own providers, the vendors the environment opens,
//! and what each tier stands for.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    model::{ModelCatalog, ModelId, Provider},
};
use mainstay_providers::{
    prices::Prices,
    vendor::{Endpoint, EndpointError, Vendor},
};

use crate::{
    cli::error::CliError,
    config::{Access, Settings},
};

/// Puts the catalogue together. `chosen` beats what the environment says, which beats the program.
pub(crate) fn catalog(
    own: &[Arc<dyn Provider>],
    default: Option<&ModelId>,
    settings: &Settings,
    chosen: Option<&ModelId>,
) -> Result<ModelCatalog, CliError> {
    let mut catalog = ModelCatalog::new(Arc::new(Prices::bundled()));
    let mut providers = own.to_vec();
    providers.extend(vendors(settings).map_err(|e| CliError::new(e.code(), e.to_string()))?);
    for provider in &providers {
        catalog = catalog.with_provider(Arc::clone(provider));
    }
    if let Some(chosen) = chosen {
        served(chosen, &providers)?;
        return Ok(catalog.with_default(chosen));
    }
    for (tier, model) in &settings.tiers {
        served(model, &providers)?;
        catalog = catalog.with_tier(*tier, model.clone());
    }
    for model in settings.default_model.iter().chain(default) {
        served(model, &providers)?;
        catalog = catalog.with_default(model);
    }
    Ok(catalog)
}

/// Returns a catalogue for a process that calls no model.
pub(crate) fn none() -> ModelCatalog {
    ModelCatalog::new(Arc::new(Prices::bundled()))
}

/// A vendor is there when the environment says anything about it; Ollama needs no key.
fn vendors(settings: &Settings) -> Result<Vec<Arc<dyn Provider>>, EndpointError> {
    let mut vendors = Vec::<Arc<dyn Provider>>::new();
    let mut add = |vendor: Vendor| vendors.push(Arc::new(vendor));
    if settings.openai.is_set() {
        add(Vendor::openai(endpoint(&settings.openai, Endpoint::OPENAI)?)?);
    }
    if settings.anthropic.is_set() {
        add(Vendor::anthropic(endpoint(&settings.anthropic, Endpoint::ANTHROPIC)?)?);
    }
    if settings.gemini.is_set() {
        add(Vendor::gemini(endpoint(&settings.gemini, Endpoint::GEMINI)?)?);
    }
    let host = settings.ollama.base_url.as_deref().unwrap_or(Endpoint::OLLAMA);
    add(Vendor::ollama(Endpoint::ollama(host)?)?);
    Ok(vendors)
}

fn endpoint(access: &Access, usual: &str) -> Result<Endpoint, EndpointError> {
    let endpoint = Endpoint::new(access.base_url.as_deref().unwrap_or(usual))?;
    Ok(match &access.key {
        Some(key) => endpoint.with_key(key.clone()),
        None => endpoint,
    })
}

fn served(model: &ModelId, providers: &[Arc<dyn Provider>]) -> Result<(), CliError> {
    if providers.iter().any(|provider| provider.serves(model)) {
        return Ok(());
    }
    let hint = match model.provider() {
        "openai" => "set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own",
        "anthropic" => "set ANTHROPIC_API_KEY",
        "gemini" => "set GEMINI_API_KEY",
        _ => "vendors are openai, anthropic, gemini and ollama, and what the program brings",
    };
    Err(CliError::new(Code::ModelUnknown, format!("nobody serves `{model}`")).with_hint(hint))
}

#[cfg(test)]
mod tests {
    use mainstay_core::model::Tier;

    use super::*;

    #[test]
    fn a_vendor_without_a_key_says_which_variable_opens_it() {
        let model: ModelId = "openai:gpt-4.1".parse().unwrap();
        let error = catalog(&[], None, &Settings::default(), Some(&model)).unwrap_err();
        assert_eq!(error.code, Code::ModelUnknown);
        assert!(error.hint.unwrap().contains("OPENAI_API_KEY"));
    }

    #[test]
    fn the_chosen_model_serves_every_tier() {
        let (chosen, set): (ModelId, ModelId) =
            ("ollama:a".parse().unwrap(), "ollama:b".parse().unwrap());
        let settings = Settings { tiers: [(Tier::Fast, set)].into(), ..Settings::default() };
        let of = |chosen: Option<&ModelId>| {
            let catalog = catalog(&[], None, &settings, chosen).unwrap();
            catalog.resolve(&Tier::Fast.into()).unwrap().0.to_string()
        };
        assert_eq!(of(None), "ollama:b");
        assert_eq!(of(Some(&chosen)), "ollama:a");
    }
}
