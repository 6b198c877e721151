//! `mainstay runs cassette`: a run's model traffic, out of its journal, to be replayed.

use std::{collections::VecDeque, path::PathBuf};

use mainstay_core::{
    code::Code,
    effect::{EffectKind, EffectOutcome},
    id::RunId,
    journal::{EffectSettled, Entry, Position},
    payload::{Held, PayloadRef},
    store::operation::JournalRequest,
    wait::Wait,
};
use mainstay_engine::{error::EngineError, runtime::Runtime};
use mainstay_providers::cassette::{Exchange, Recording};
use serde::de::DeserializeOwned;

use crate::cli::{count, error::CliError, exit::Exit, ids, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
    /// The file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let runtime = shell.reader().await?;
    let run_id = ids::run(&*runtime.store, &args.run).await?;
    let row = runtime.row(run_id).await?;
    let recording = recorded(&runtime, run_id).await?;
    let Some(path) = args.output else {
        shell.output.raw(recording.to_json().as_bytes())?;
        return Ok(Exit::Ok);
    };
    std::fs::write(&path, recording.to_json()).map_err(|error| {
        CliError::new(Code::InvalidArgument, format!("{}: {error}", path.display()))
            .with_hint("name a file in a folder that is there")
    })?;
    let exchanges = count::of(recording.exchanges.len(), "exchange");
    shell.output.note(format!("{exchanges} of {run_id}"));
    let (flow, path) = (&row.flow.name, path.display());
    shell.output.next(format!("mainstay run {flow} --input … --model cassette:{path}"));
    Ok(Exit::Ok)
}

/// Records what a run and the runs it started asked of models, in the order of their journals.
async fn recorded(runtime: &Runtime, run_id: RunId) -> Result<Recording, CliError> {
    let mut recording = Recording::new(run_id.to_string());
    let mut runs = VecDeque::from([run_id]);
    while let Some(run_id) = runs.pop_front() {
        for life in runtime.lives(run_id).await? {
            let mut tape = Tape { runtime, run_id: life, recording: &mut recording };
            runs.extend(tape.record().await?);
        }
    }
    Ok(recording)
}

/// One journal, being recorded.
struct Tape<'a> {
    runtime: &'a Runtime,
    run_id: RunId,
    recording: &'a mut Recording,
}

impl Tape<'_> {
    /// Records every model call that has an outcome, and returns the runs that were started.
    async fn record(&mut self) -> Result<Vec<RunId>, CliError> {
        const PAGE: u32 = 2_000;
        let (run_id, mut from, mut children) = (self.run_id, 1, Vec::new());
        loop {
            let request = JournalRequest { run_id, from, limit: PAGE };
            let rows = self.runtime.store.journal(request).await?;
            for row in &rows {
                let entry = row.entry().map_err(EngineError::from)?;
                if let Entry::EffectSettled(settled) = &entry {
                    self.settled(row.position, settled).await?;
                } else if let Entry::WaitOpened { wait: Wait::Child { run_id }, .. } = entry {
                    children.push(run_id);
                }
            }
            match rows.last() {
                Some(last) if rows.len() == PAGE as usize => from = last.position + 1,
                _ => return Ok(children),
            }
        }
    }

    async fn settled(&mut self, at: Position, settled: &EffectSettled) -> Result<(), CliError> {
        let (EffectKind::Model, Some(arguments)) = (settled.head.kind, &settled.arguments) else {
            return Ok(());
        };
        let exchange = match &settled.outcome {
            EffectOutcome::Completed(reply) => {
                let (request, reply) =
                    (self.read(at, arguments).await?, self.read(at, reply).await?);
                Exchange::replied(&request, reply)
            }
            EffectOutcome::Failed(failure) if came_of_an_exchange(failure.code) => {
                Exchange::failed(&self.read(at, arguments).await?, failure.clone())
            }
            EffectOutcome::Failed(_) | EffectOutcome::Denied(_) | EffectOutcome::InDoubt(_) => {
                return Ok(());
            }
        };
        self.recording.exchanges.push(exchange);
        Ok(())
    }

    async fn read<T: DeserializeOwned>(
        &self,
        at: Position,
        payload: &PayloadRef,
    ) -> Result<T, CliError> {
        let held = Held { at, payload: payload.clone() };
        let value = self.runtime.value(self.run_id, &held).await?;
        serde_json::from_value(value).map_err(|error| {
            let message = format!("entry {at} of {} does not read back: {error}", self.run_id);
            CliError::new(Code::StoreCorrupt, message)
                .with_hint("what was erased from a run cannot be replayed")
        })
    }
}

/// Whether a vendor was asked, or tried to be reached, before a call failed.
fn came_of_an_exchange(code: Code) -> bool {
    matches!(
        code,
        Code::ModelUnavailable
            | Code::ModelRefused
            | Code::ModelMalformed
            | Code::ModelTruncated
            | Code::ToolTimedOut
    )
}
