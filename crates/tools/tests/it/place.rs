//! What a program gives its tools: a clock, secrets, a call.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use mainstay_core::{
    digest::Digest,
    id::RunId,
    port::Clock,
    secret::{Secret, SecretRef, Secrets},
    time::Timestamp,
    tool::ToolCall,
};
use mainstay_tools::{
    http::HttpClient,
    transport::mcp::{Pins, Surroundings},
};
use serde_json::Value;

/// Tokio's clock.
pub(crate) struct RealClock(tokio::time::Instant);

impl RealClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(tokio::time::Instant::now()))
    }
}

#[async_trait]
impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000).after(self.0.elapsed())
    }

    fn boot(&self) -> Duration {
        Duration::from_secs(1_000) + self.0.elapsed()
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

/// Secrets by name.
#[derive(Default)]
pub(crate) struct Known(pub(crate) BTreeMap<String, String>);

#[async_trait]
impl Secrets for Known {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String> {
        let found = self.0.get(reference.name()).map(Secret::new);
        found.ok_or_else(|| "there is none of that name".to_owned())
    }
}

pub(crate) fn around(pins: Pins) -> Surroundings {
    with_secrets(pins, Known::default())
}

/// What knows one secret.
pub(crate) fn with_secret(name: &str, value: &str) -> Surroundings {
    let known = Known(BTreeMap::from([(name.to_owned(), value.to_owned())]));
    with_secrets(Pins::in_memory(), known)
}

fn with_secrets(pins: Pins, known: Known) -> Surroundings {
    let secrets: Arc<dyn Secrets> = Arc::new(known);
    Surroundings {
        clock: RealClock::new(),
        door: Arc::new(HttpClient::new(Arc::clone(&secrets))),
        secrets,
        pins: Arc::new(pins),
        person: None,
    }
}

/// Makes a call with this long to go.
pub(crate) fn call_within(clock: &dyn Clock, span: Duration, arguments: Value) -> ToolCall {
    let position: mainstay_core::effect::EffectPosition = "work#1:0".parse().unwrap();
    ToolCall {
        arguments,
        key: position.key(Digest::of(b"root")),
        attempt: 1,
        deadline: clock.now().after(span),
        run_id: RunId::new(Timestamp::from_millis(1), [0; 10]),
        position,
        input: None,
    }
}
