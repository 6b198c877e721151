//! What the configuration says about models: the endpoints there are, each with its key, what the
//! tiers stand for, prices of one's own.

use std::collections::BTreeMap;

use mainstay_core::{
    code::Code,
    flow::check::near,
    model::{ModelChain, ModelId, Price, Tier, Traffic},
};
use mainstay_providers::vendor::Key;

use super::section::{Dialect, EndpointSection, ModelsSection};
use crate::cli::error::CliError;

/// `[models]`, with the keys that it names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelSettings {
    pub(crate) default: Option<ModelId>,
    pub(crate) tiers: BTreeMap<Tier, ModelChain>,
    /// By name: the vendors' own, and those of the file.
    pub(crate) endpoints: BTreeMap<String, EndpointSettings>,
    pub(crate) prices: BTreeMap<ModelId, Price>,
}

/// How an endpoint is reached.
#[derive(Debug, Clone)]
pub(crate) struct EndpointSettings {
    pub(crate) dialect: Dialect,
    /// The vendor's own address when absent.
    pub(crate) base_url: Option<String>,
    pub(crate) key: KeyState,
    pub(crate) traffic: Traffic,
    pub(crate) price: Option<Price>,
}

/// Whether an endpoint's key is there.
#[derive(Debug, Clone)]
pub(crate) enum KeyState {
    /// It is.
    Set(Key),
    /// None is needed.
    NotNeeded,
    /// It is not, and this is what to do.
    Missing(String),
}

/// What a vendor's own variables are called.
struct Variables {
    key: Option<&'static str>,
    base_url: Option<&'static str>,
}

const fn variables_of(dialect: Dialect) -> Variables {
    let (key, base_url) = match dialect {
        Dialect::Openai | Dialect::OpenaiResponses => {
            (Some("OPENAI_API_KEY"), Some("OPENAI_BASE_URL"))
        }
        Dialect::Anthropic => (Some("ANTHROPIC_API_KEY"), Some("ANTHROPIC_BASE_URL")),
        Dialect::Gemini => (Some("GEMINI_API_KEY"), None),
        Dialect::Ollama => (None, Some("OLLAMA_HOST")),
    };
    Variables { key, base_url }
}

impl ModelSettings {
    pub(super) fn of(
        section: ModelsSection,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, CliError> {
        let mut sections = section.endpoints;
        for dialect in Dialect::ALL {
            sections.entry(dialect.name().to_owned()).or_default();
        }
        let mut endpoints = BTreeMap::new();
        for (name, section) in sections {
            let settings = endpoint(&name, section, variables)?;
            endpoints.insert(name, settings);
        }
        let prices = section.prices.into_iter().map(|(model, price)| (model, price.0)).collect();
        Ok(Self { default: section.default, tiers: section.tiers.chains(), endpoints, prices })
    }
}

fn endpoint(
    name: &str,
    section: EndpointSection,
    variables: &BTreeMap<String, String>,
) -> Result<EndpointSettings, CliError> {
    let of_vendor = Dialect::named(name);
    let dialect = section.dialect.or(of_vendor).ok_or_else(|| no_dialect(name))?;
    if name.is_empty()
        || !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    {
        let message = format!("`{name}` cannot be the name of an endpoint");
        return Err(CliError::new(Code::InvalidConfig, message)
            .with_hint("write lower-case letters, digits, `-` and `_`"));
    }
    if !section.key_env.as_deref().is_none_or(is_variable) {
        // What stands there may be the key itself: it is not repeated.
        let message = format!("models.endpoints.{name}.key_env is not the name of a variable");
        return Err(CliError::new(Code::InvalidConfig, message)
            .with_hint("put the key into a variable, and write the variable's name"));
    }
    let usual = variables_of(dialect);
    let vendors_own = |variable: Option<&str>| {
        of_vendor.and(variable).and_then(|variable| variables.get(variable)).cloned()
    };
    let base_url = section.base_url.or_else(|| vendors_own(usual.base_url));
    let key = match (&section.key_env, usual.key) {
        (Some(variable), _) => key_in(variable, variables, None),
        // A server of one's own may need no key; the vendor's own address does.
        (None, Some(variable)) if base_url.is_none() => {
            key_in(variable, variables, of_vendor.and(usual.base_url))
        }
        (None, Some(variable)) if of_vendor.is_some() => {
            let own = variables.get(variable).map(|key| KeyState::Set(Key::new(key.clone())));
            own.unwrap_or(KeyState::NotNeeded)
        }
        (None, _) => KeyState::NotNeeded,
    };
    let traffic = Traffic {
        rate: section.rate.map(|rate| rate.0),
        concurrency: section.concurrency.map(std::num::NonZeroU32::get),
        hedge_after: section.hedge_after.map(|span| span.0),
    };
    Ok(EndpointSettings { dialect, base_url, key, traffic, price: section.price.map(|p| p.0) })
}

fn is_variable(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(letters)
}

fn key_in(
    variable: &str,
    variables: &BTreeMap<String, String>,
    or_address: Option<&str>,
) -> KeyState {
    match (variables.get(variable), or_address) {
        (Some(key), _) => KeyState::Set(Key::new(key.clone())),
        (None, Some(address)) => {
            KeyState::Missing(format!("set {variable}, or {address} for a server of your own"))
        }
        (None, None) => KeyState::Missing(format!("set {variable}")),
    }
}

fn no_dialect(name: &str) -> CliError {
    let dialects: Vec<_> = Dialect::ALL.into_iter().map(Dialect::name).collect();
    CliError::new(Code::InvalidConfig, format!("models.endpoints.{name} has no dialect"))
        .with_hint(format!("write `dialect = \"…\"` with one of {}", near::list(&dialects)))
}
