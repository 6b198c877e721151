//! Which models a process may call: the program's own providers, the vendors the environment opens,
//! and what each tier stands for.

use std::{path::Path, sync::Arc};

use mainstay_core::{
    code::Code,
    model::{ModelCatalog, ModelId, Provider, Tier},
};
use mainstay_providers::{
    cassette::{Cassette, CassetteError},
    prices::Prices,
    scripted::{Script, Scripted},
    vendor::{Endpoint, EndpointError, Vendor},
};

use crate::{
    cli::error::CliError,
    config::{Access, Settings},
};

/// Puts the catalogue together. `chosen` beats what the environment says, which beats the program.
/// A model `scripted:FILE.yaml` is a script of the person's own, and `cassette:FILE.json` what was
/// recorded from a run; both are read now.
pub(crate) fn catalog(
    own: &[Arc<dyn Provider>],
    default: Option<&ModelId>,
    settings: &Settings,
    chosen: Option<&ModelId>,
) -> Result<ModelCatalog, CliError> {
    let mut wanted = wanted(default, settings, chosen);
    let mut providers = Vec::<Arc<dyn Provider>>::new();
    for (_, model) in &mut wanted {
        if let Some(script) = script_of(model)? {
            *model = id_of(&script)?;
            providers.push(Arc::new(Scripted::new().with_script(script)));
        }
        if model.provider() == Cassette::NAME {
            providers.push(Arc::new(cassette_of(model)?));
        }
    }
    providers.extend(own.iter().cloned());
    providers.extend(vendors(settings).map_err(|e| CliError::new(e.code(), e.to_string()))?);
    let mut catalog = ModelCatalog::new(Arc::new(Prices::bundled()));
    for (tier, model) in wanted {
        served(&model, &providers)?;
        catalog = match tier {
            Some(tier) => catalog.with_tier(tier, model),
            None => catalog.with_default(&model),
        };
    }
    Ok(providers.into_iter().fold(catalog, ModelCatalog::with_provider))
}

/// Returns what each tier is to stand for, the strongest wish first; without a tier, all others.
fn wanted(
    default: Option<&ModelId>,
    settings: &Settings,
    chosen: Option<&ModelId>,
) -> Vec<(Option<Tier>, ModelId)> {
    if let Some(chosen) = chosen {
        return vec![(None, chosen.clone())];
    }
    let tiers = settings.tiers.iter().map(|(tier, model)| (Some(*tier), model.clone()));
    let defaults = settings.default_model.iter().chain(default);
    tiers.chain(defaults.map(|model| (None, model.clone()))).collect()
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

/// Returns a catalogue for a process that calls no model.
pub(crate) fn none() -> ModelCatalog {
    ModelCatalog::new(Arc::new(Prices::bundled()))
}

/// A vendor is there when the environment says anything about it; Ollama needs no key.
fn vendors(settings: &Settings) -> Result<Vec<Arc<dyn Provider>>, EndpointError> {
    let mut vendors = Vec::<Arc<dyn Provider>>::new();
    let mut add = |vendor: Vendor| vendors.push(Arc::new(vendor));
    if settings.openai.is_set() {
        let openai = endpoint(&settings.openai, Endpoint::OPENAI)?;
        add(Vendor::openai(openai.clone())?);
        add(Vendor::openai_responses(openai)?);
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
        "openai" | "openai-responses" => {
            "set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own"
        }
        "anthropic" => "set ANTHROPIC_API_KEY",
        "gemini" => "set GEMINI_API_KEY",
        _ => {
            "vendors are openai, openai-responses, anthropic, gemini and ollama, and what the program brings"
        }
    };
    Err(CliError::new(Code::ModelUnknown, format!("nobody serves `{model}`")).with_hint(hint))
}

#[cfg(test)]
mod tests {
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
