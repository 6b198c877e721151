//! A model whose answers are written in a YAML file: the same request, the same answer, always.
//!
//! The format is described in `docs/scripted-model.md`. Nothing is remembered between calls: which
//! fault strikes follows from the number of the attempt, which the engine keeps in the journal. So
//! a restarted process, another worker and a replay all see the same model.

mod answer;
mod error;
mod fault;
mod file;
mod rule;
mod script;
mod template;

use std::time::Duration;

use async_trait::async_trait;
use mainstay_core::model::{
    CallContext, Message, ModelFailure, ModelId, ModelReply, ModelRequest, Price, Provider,
    StreamSink,
};

pub use error::ScriptError;
pub use script::Script;

use crate::tokens;

/// Serves scripts as models: a script that says `model: desk` is `scripted:desk`.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    scripts: Vec<Script>,
    delay: Duration,
}

impl Scripted {
    /// The name that stands before the colon.
    pub const NAME: &'static str = "scripted";

    /// Makes a provider without scripts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a script. Of two with one name, the first is served.
    #[must_use]
    pub fn with_script(mut self, script: Script) -> Self {
        self.scripts.push(script);
        self
    }

    /// Makes every answer take this much longer than its script says, so that people can watch.
    #[must_use]
    pub const fn with_delay(mut self, span: Duration) -> Self {
        self.delay = span;
        self
    }

    fn script(&self, model: &ModelId) -> Option<&Script> {
        let ours = model.provider() == Self::NAME;
        self.scripts.iter().find(|script| ours && script.model() == model.name())
    }
}

#[async_trait]
impl Provider for Scripted {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn serves(&self, model: &ModelId) -> bool {
        self.script(model).is_some()
    }

    fn count_input(&self, model: &ModelId, request: &ModelRequest) -> u64 {
        let answer = self.script(model).and_then(|script| script.answer(request));
        let declared = answer.and_then(|answer| answer.usage.input_tokens).unwrap_or(0);
        declared.max(tokens::rough(request))
    }

    fn price(&self, model: &ModelId) -> Option<Price> {
        self.script(model)?.price()
    }

    async fn call(
        &self,
        model: &ModelId,
        request: &ModelRequest,
        context: &CallContext,
        sink: &dyn StreamSink,
    ) -> Result<ModelReply, ModelFailure> {
        let script = self
            .script(model)
            .ok_or_else(|| ModelFailure::Unknown { model: model.clone().into() })?;
        let answer = script.answer(request).ok_or_else(|| no_rule(script, request))?;
        wait(answer.latency + self.delay, context).await?;
        match fault::due(answer.faults, request, context.attempt) {
            Some(fault) => answer.interrupted(request, context, sink, fault),
            None => Ok(answer.delivered(request, sink)),
        }
    }
}

async fn wait(latency: Duration, context: &CallContext) -> Result<(), ModelFailure> {
    match context.deadline {
        Some(deadline) if latency > deadline => {
            context.clock.sleep(deadline).await;
            Err(ModelFailure::TimedOut { after: deadline })
        }
        _ if latency.is_zero() => Ok(()),
        _ => {
            context.clock.sleep(latency).await;
            Ok(())
        }
    }
}

fn no_rule(script: &Script, request: &ModelRequest) -> ModelFailure {
    let wanted = request.output.as_ref().map_or("text", |output| output.name.as_str());
    let asked: String =
        request.messages.last().map(Message::text).unwrap_or_default().chars().take(80).collect();
    let message = format!(
        "no rule of {} fits a request for `{wanted}` that ends with: {asked}",
        script.file()
    );
    ModelFailure::NoRule { message }
}
