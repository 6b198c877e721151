//! What was heard of a model while it answered, beside what the journal holds of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use mainstay_core::{
    effect::{EffectKind, EffectOutcome},
    id::RunId,
    journal::{EffectSettled, Entry, Position},
    model::{ModelReply, ModelRequest, StreamEvent},
    payload::{Held, PayloadRef},
};
use mainstay_engine::{
    commands::RunView,
    live::{Live, LiveEvent},
};
use serde::de::DeserializeOwned;
use tokio::sync::broadcast::error::RecvError;

use crate::rig::Rig;

/// Pieces of text by run and effect.
type Pieces = BTreeMap<(String, String), Vec<String>>;

/// Listens to the answers as they come.
pub(super) struct Ear(Arc<Mutex<Pieces>>);

impl Ear {
    pub(super) fn at(live: &Live) -> Self {
        let pieces = Arc::<Mutex<Pieces>>::default();
        let (mut events, heard) = (live.listen(), pieces.clone());
        // Ends with the runtime, the only one that speaks.
        tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(event) => hear(&heard, event),
                    Err(RecvError::Lagged(missed)) => panic!("{missed} events were missed"),
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self(pieces)
    }

    /// Returns every piece of a run's answers.
    pub(super) fn pieces_of(&self, run_id: RunId) -> Vec<String> {
        let pieces = self.0.lock().unwrap();
        let own = pieces.iter().filter(|((run, _), _)| *run == run_id.to_string());
        own.flat_map(|(_, pieces)| pieces.clone()).collect()
    }
}

fn hear(heard: &Mutex<Pieces>, event: LiveEvent) {
    if let LiveEvent::Stream { run_id, position, event: StreamEvent::TextDelta { text } } = event {
        let place = (run_id.to_string(), position.to_string());
        heard.lock().unwrap().entry(place).or_default().push(text);
    }
}

/// A model call of a run.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) step: String,
    pub(super) request: ModelRequest,
    pub(super) reply: Option<ModelReply>,
    /// The text as it was heard.
    pub(super) pieces: Vec<String>,
}

/// Returns the model calls that have an outcome.
pub(super) fn settled(view: &RunView) -> impl Iterator<Item = &EffectSettled> {
    rows(view).map(|(_, settled)| settled)
}

fn rows(view: &RunView) -> impl Iterator<Item = (Position, &EffectSettled)> {
    view.rows.iter().filter_map(|(row, entry)| {
        let Entry::EffectSettled(settled) = entry else { return None };
        (settled.head.kind == EffectKind::Model).then(|| (row.position, settled.as_ref()))
    })
}

pub(super) async fn calls(rig: &Rig, ear: &Ear, view: &RunView) -> Vec<Call> {
    let run_id = view.row.run_id;
    let mut calls = Vec::new();
    for (at, settled) in rows(view) {
        let request = settled.arguments.as_ref().expect("a model call has arguments");
        let reply = match &settled.outcome {
            EffectOutcome::Completed(reply) => Some(read(rig, run_id, at, reply).await),
            EffectOutcome::Failed(_) | EffectOutcome::Denied(_) | EffectOutcome::InDoubt(_) => None,
        };
        let place = (run_id.to_string(), settled.position.to_string());
        let pieces = ear.0.lock().unwrap().get(&place).cloned().unwrap_or_default();
        let step = settled.position.step.step.to_string();
        calls.push(Call { step, request: read(rig, run_id, at, request).await, reply, pieces });
    }
    calls
}

async fn read<T: DeserializeOwned>(
    rig: &Rig,
    run_id: RunId,
    at: Position,
    payload: &PayloadRef,
) -> T {
    let held = Held { at, payload: payload.clone() };
    serde_json::from_value(rig.runtime.value(run_id, &held).await.unwrap()).unwrap()
}
