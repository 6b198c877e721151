//! `mainstay models ls`.

use mainstay_core::model::{ModelCatalog, ModelId, Traffic};
use serde::Serialize;

use super::Dollars;
use crate::{
    cli::{error::CliError, exit::Exit, output::Tone, shell::Shell, span},
    config::{EndpointSettings, KeyState},
    models,
};

#[derive(Serialize)]
struct Listed {
    tiers: Vec<Tier>,
    endpoints: Vec<Endpoint>,
    prices: String,
}

#[derive(Serialize)]
struct Tier {
    tier: &'static str,
    models: Vec<Model>,
    hedge_after_ms: Option<u128>,
}

#[derive(Serialize)]
struct Model {
    model: ModelId,
    ready: bool,
    price: Option<Dollars>,
}

#[derive(Serialize)]
struct Endpoint {
    endpoint: String,
    dialect: &'static str,
    base_url: Option<String>,
    key: &'static str,
    rate: Option<String>,
    concurrency: Option<u32>,
    hedge_after_ms: Option<u128>,
    breaker: &'static str,
}

/// A breaker opens at half of the last twenty calls and closes with a good one. It belongs to the
/// process that makes the calls, and this one makes none.
const BREAKER: &str = "per worker: 50 % of 20 calls, 30 s";

pub(super) fn run(shell: &Shell) -> Result<Exit, CliError> {
    let settings = &shell.settings.models;
    let default = shell.app.default_model.as_ref();
    let catalog = models::unchecked(&shell.app.models, default, settings, None)?;
    let endpoints = settings.endpoints.iter();
    let listed = Listed {
        tiers: tiers(&catalog),
        endpoints: endpoints.map(|(name, settings)| endpoint(name, settings)).collect(),
        prices: catalog.price_version().to_owned(),
    };
    if shell.output.is_for_people() {
        print(shell, &listed)?;
    } else {
        shell.output.document(&listed)?;
    }
    Ok(Exit::Ok)
}

fn tiers(catalog: &ModelCatalog) -> Vec<Tier> {
    let model = |id: &ModelId| Model {
        model: id.clone(),
        ready: catalog.candidates(&id.clone().into()).is_ok(),
        price: catalog.price(id).map(Dollars::from),
    };
    let tiers = catalog.tiers().map(|(tier, chain)| Tier {
        tier: tier.name(),
        models: chain.models().map(model).collect(),
        hedge_after_ms: chain.hedge_after().map(|span| span.as_millis()),
    });
    tiers.collect()
}

fn endpoint(name: &str, settings: &EndpointSettings) -> Endpoint {
    let Traffic { rate, concurrency, hedge_after } = settings.traffic;
    Endpoint {
        endpoint: name.to_owned(),
        dialect: settings.dialect.name(),
        base_url: settings.base_url.clone(),
        key: match settings.key {
            KeyState::Set(_) => "set",
            KeyState::NotNeeded => "not needed",
            KeyState::Missing(_) => "missing",
        },
        rate: rate.map(|rate| format!("{} in {}", rate.calls, span::show(rate.per))),
        concurrency,
        hedge_after_ms: hedge_after.map(|span| span.as_millis()),
        breaker: BREAKER,
    }
}

fn print(shell: &Shell, listed: &Listed) -> Result<(), CliError> {
    let output = &shell.output;
    let rows = listed.tiers.iter().flat_map(|tier| {
        tier.models.iter().enumerate().map(move |(nth, model)| {
            let place = if nth == 0 { tier.tier.to_owned() } else { format!("  then {}", nth + 1) };
            let price = model.price.map_or_else(
                || "no price".to_owned(),
                |price| format!("{} in, {} out", price.input, price.output),
            );
            let ready = if model.ready { "yes" } else { "no" };
            vec![place, model.model.to_string(), price, ready.to_owned()]
        })
    });
    output.table(&["TIER", "MODEL", "USD PER MILLION", "READY"], rows)?;
    output.line("")?;
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let rows = listed.endpoints.iter().map(|endpoint| {
        vec![
            endpoint.endpoint.clone(),
            endpoint.dialect.to_owned(),
            endpoint.base_url.clone().unwrap_or_else(|| "the vendor's own".to_owned()),
            endpoint.key.to_owned(),
            text(endpoint.rate.clone()),
            text(endpoint.concurrency.map(|places| places.to_string())),
            endpoint.breaker.to_owned(),
        ]
    });
    let head = ["ENDPOINT", "DIALECT", "ADDRESS", "KEY", "RATE", "PLACES", "BREAKER"];
    output.table(&head, rows)?;
    if listed.tiers.is_empty() {
        let nothing = output.paint(Tone::Attention, "no tier stands for a model");
        output.note(format!("{nothing}: write one under [models.tiers] in mainstay.toml"));
    }
    output.next("mainstay models ping");
    Ok(())
}
