//! `mainstay models ping`: one tiny real call each.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    code::Code,
    model::{
        CallContext, Candidate, ModelCatalog, ModelFailure, ModelId, ModelName, ModelReply,
        ModelRequest, Silent,
    },
    port::Clock,
};
use mainstay_engine::system::SystemClock;
use serde::Serialize;

use crate::{
    cli::{
        error::{CliError, ErrorDocument},
        exit::Exit,
        output::{Cell, Tone},
        shell::Shell,
        span,
    },
    models,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A tier or a model, as NAME:MODEL; every tier's when left out
    #[arg(value_name = "TIER|MODEL")]
    name: Option<ModelName>,
}

#[derive(Serialize)]
struct Ping {
    model: ModelId,
    answered: bool,
    served: Option<String>,
    latency_ms: u128,
    input_tokens: u64,
    output_tokens: u64,
    usd: Option<f64>,
    error: Option<ErrorDocument>,
    #[serde(skip)]
    code: Option<Code>,
}

/// Who does not answer so few tokens by then is of no use.
const PATIENCE: Duration = Duration::from_secs(30);

/// Room for a model that thinks before it says a word.
const TOKENS: u32 = 64;

pub(super) async fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let settings = &shell.settings.models;
    let default = shell.app.default_model.as_ref();
    let asked = match &args.name {
        Some(ModelName::Exact(model)) => Some(model),
        Some(ModelName::Tier(_)) | None => None,
    };
    let catalog = match args.name {
        // Whoever names one wants to know what is missing for it.
        Some(_) => models::catalog(&shell.app.models, default, settings, asked)?,
        None => models::unchecked(&shell.app.models, default, settings, None)?,
    };
    let mut pings = Vec::new();
    for model in wanted(&catalog, args.name.as_ref())? {
        let ping = ping(&catalog, &model).await;
        pings.push(ping.unwrap_or_else(|| unserved(&catalog, &model)));
    }
    let head = ["MODEL", "", "TIME", "TOKENS", "USD", "SERVED BY"];
    shell.output.list("pings", &pings, &head, cells)?;
    for error in pings.iter().filter_map(|ping| ping.error.as_ref()) {
        let hint = error.hint.as_deref().unwrap_or_default();
        shell.output.note(format!("error[{}]: {}\n  next: {hint}", error.code, error.message));
    }
    Ok(pings.iter().find_map(|ping| ping.code).map_or(Exit::Ok, Exit::of))
}

/// Returns the models to be asked, each once.
fn wanted(catalog: &ModelCatalog, name: Option<&ModelName>) -> Result<Vec<ModelId>, CliError> {
    let tiers = catalog.tiers().filter(|(tier, _)| match name {
        Some(ModelName::Tier(wanted)) => tier == wanted,
        Some(ModelName::Exact(_)) => false,
        None => true,
    });
    let mut models: Vec<_> = tiers.flat_map(|(_, chain)| chain.models().cloned()).collect();
    if let Some(ModelName::Exact(model)) = name {
        models.push(model.clone());
    }
    models.sort();
    models.dedup();
    if models.is_empty() {
        return Err(CliError::new(Code::ModelUnknown, "no tier stands for a model")
            .with_hint("write one under [models.tiers] in mainstay.toml, or name a model"));
    }
    Ok(models)
}

async fn ping(catalog: &ModelCatalog, model: &ModelId) -> Option<Ping> {
    let candidates = catalog.candidates(&model.clone().into()).ok()?;
    let Candidate { model, provider } = candidates.at(1);
    let clock = Arc::new(SystemClock);
    let request = ModelRequest::new(model.clone())
        .with_user("Answer with the one word: pong")
        .with_max_output_tokens(TOKENS);
    let context = CallContext::new(format!("ping-{model}"), clock.clone()).with_deadline(PATIENCE);
    let began = clock.boot();
    let result = provider.call(model, &request, &context, &Silent).await;
    let latency = clock.boot().saturating_sub(began);
    Some(match result {
        Ok(reply) => answered(catalog, model, &reply, latency),
        Err(failure) => failed(model, &failure, latency),
    })
}

fn answered(catalog: &ModelCatalog, model: &ModelId, reply: &ModelReply, took: Duration) -> Ping {
    let cost = catalog.price(model).map(|price| price.cost(&reply.usage));
    Ping {
        model: model.clone(),
        answered: true,
        served: Some(reply.model.clone()),
        latency_ms: took.as_millis(),
        input_tokens: reply.usage.input_tokens,
        output_tokens: reply.usage.output_tokens,
        usd: cost.map(|cost| super::dollars(cost.micros())),
        error: None,
        code: None,
    }
}

fn failed(model: &ModelId, failure: &ModelFailure, took: Duration) -> Ping {
    let hint = if failure.is_retryable() {
        "check the address, and whether the server runs; then ask again"
    } else {
        "check the key, the model's name and the address: mainstay models ls"
    };
    let error = CliError::new(failure.code(), format!("`{model}`: {failure}")).with_hint(hint);
    refused(model, &error, took)
}

fn unserved(catalog: &ModelCatalog, model: &ModelId) -> Ping {
    let hint = catalog.missing(&model.clone().into());
    let error = match hint {
        Some(hint) => {
            let message = format!("`{model}` cannot be asked: the key of its endpoint is not set");
            CliError::new(Code::ModelKeyMissing, message).with_hint(hint)
        }
        None => CliError::new(Code::ModelUnknown, format!("nobody serves `{model}`"))
            .with_hint("mainstay models ls"),
    };
    refused(model, &error, Duration::ZERO)
}

fn refused(model: &ModelId, error: &CliError, took: Duration) -> Ping {
    Ping {
        model: model.clone(),
        answered: false,
        served: None,
        latency_ms: took.as_millis(),
        input_tokens: 0,
        output_tokens: 0,
        usd: None,
        error: Some(error.document()),
        code: Some(error.code),
    }
}

fn cells(ping: &Ping) -> Vec<Cell> {
    let (tone, word) = if ping.answered { (Tone::Good, "ok") } else { (Tone::Bad, "fail") };
    let took = u64::try_from(ping.latency_ms).unwrap_or(u64::MAX);
    vec![
        ping.model.to_string().into(),
        Cell::toned(tone, word),
        span::show(Duration::from_millis(took)).into(),
        format!("{} + {}", ping.input_tokens, ping.output_tokens).into(),
        ping.usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.6}")).into(),
        ping.served.clone().unwrap_or_default().into(),
    ]
}
