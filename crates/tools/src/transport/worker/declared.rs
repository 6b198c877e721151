//! What is declared of a worker, and whether what it offers is that.

use std::time::Duration;

use mainstay_core::{
    remote::{Kind, Offer},
    secret::SecretRef,
    tool::{Origin, ToolSpec},
};
use serde_json::json;

use super::difference;

/// How long a call is a worker's without a heartbeat.
const LEASE: Duration = Duration::from_secs(15);

/// How long a call waits for a worker to take it.
const PATIENCE: Duration = Duration::from_secs(10);

/// At most so many differences are named; whoever changed everything sees it from a few.
const NAMED: usize = 16;

/// A worker, as it is declared.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it calls itself, and what the names of its tools begin with.
    pub name: String,
    /// What it has to show; without one, whoever reaches the port may be it.
    pub token: Option<SecretRef>,
    /// How long a call is its own without a heartbeat.
    pub lease: Duration,
    /// How long a call waits to be taken. Never more than half of the time the call has.
    pub patience: Duration,
    /// Its tools and its steps.
    pub served: Vec<Declared>,
}

/// A tool or a step of a worker, as it is declared.
#[derive(Debug, Clone)]
pub struct Declared {
    /// What the worker has to offer.
    pub offer: Offer,
    /// What models, plans and policies go by.
    pub spec: ToolSpec,
}

impl Declared {
    /// Declares nothing but schemas: it acts at most once and cannot be undone.
    #[must_use]
    pub fn new(worker: &str, offer: Offer) -> Self {
        let name = format!("{worker}.{}", offer.name);
        let origin = match offer.kind {
            Kind::Tool => Origin::Worker(worker.to_owned()),
            Kind::Step => Origin::Step(worker.to_owned()),
        };
        let spec = ToolSpec::new(name, offer.input_schema.clone())
            .with_output_schema(offer.output_schema.clone())
            .with_origin(origin);
        Self { offer, spec }
    }
}

impl Settings {
    /// Makes a worker that serves nothing and needs no token.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let (lease, patience) = (LEASE, PATIENCE);
        Self { name: name.into(), token: None, lease, patience, served: Vec::new() }
    }

    /// Says whether everything that is offered is declared, and just so.
    ///
    /// # Errors
    /// The differences, a line each.
    pub(super) fn fits(&self, offers: &[Offer]) -> Result<(), Vec<String>> {
        let mut lines: Vec<_> = offers.iter().flat_map(|offer| self.differences(offer)).collect();
        for (n, offer) in offers.iter().enumerate() {
            if offers.iter().take(n).any(|other| other.name == offer.name) {
                lines.push(format!("`{}` is offered twice", offer.name));
            }
        }
        if lines.len() > NAMED {
            let more = lines.len() - NAMED;
            lines.truncate(NAMED);
            lines.push(format!("and {more} more"));
        }
        if lines.is_empty() { Ok(()) } else { Err(lines) }
    }

    fn differences(&self, offer: &Offer) -> Vec<String> {
        let declared = self.served.iter().find(|declared| declared.offer.name == offer.name);
        let Some(declared) = declared else {
            return vec![format!("`{}` is not declared", offer.name)];
        };
        let lines = difference::between(&document(&declared.offer), &document(offer), NAMED + 1);
        lines.into_iter().map(|line| format!("`{}`{line}", offer.name)).collect()
    }
}

fn document(offer: &Offer) -> serde_json::Value {
    json!({
        "kind": offer.kind.word(),
        "input_schema": offer.input_schema,
        "output_schema": offer.output_schema,
        "effect": offer.effect,
    })
}
