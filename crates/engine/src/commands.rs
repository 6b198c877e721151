//! What people and programs say to runs: start, look, decide, cancel, signal, top up, retry, fork.
//!
//! None of these needs a worker: each is a row that a worker picks up.

mod decide;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mainstay_core::{
    budget::Limits,
    code::Code,
    digest::Digest,
    flow::{FlowVersion, schedule::Wiring},
    id::RunId,
    inbox::InboxBody,
    journal::{Created, Entry, Head, JournalRow, Position},
    label::Label,
    payload::{Held, Payload},
    run::RunStatus,
    store::{
        StoreError,
        operation::{CreatedRun, Delivered, Delivery, JournalRequest, NewRun, PayloadRequest},
        row::RunRow,
    },
};
use serde_json::Value;

use crate::{error::EngineError, flows::KnownFlow, runtime::Runtime};
pub use view::RunView;

/// A wish to start a run.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The flow's name.
    pub flow: String,
    /// Laid over the default state.
    pub input: Value,
    /// What it may use.
    pub limits: Limits,
    /// Starts it at most once.
    pub key: Option<String>,
    /// Whose it is; `default` if empty.
    pub tenant: String,
    /// Search tags.
    pub tags: BTreeMap<String, String>,
    /// Who asks for it, if that is known.
    pub requested_by: Option<String>,
    /// What is said about the input: whoever starts a run vouches for it, unless they say otherwise.
    pub label: Label,
}

impl Default for StartRun {
    fn default() -> Self {
        Self {
            flow: String::new(),
            input: Value::Null,
            limits: Limits::none(),
            key: None,
            tenant: String::new(),
            tags: BTreeMap::new(),
            requested_by: None,
            label: Label::TRUSTED,
        }
    }
}

impl StartRun {
    /// Makes a wish without limits, key or tags.
    #[must_use]
    pub fn new(flow: impl Into<String>, input: Value) -> Self {
        Self { flow: flow.into(), input, ..Self::default() }
    }
}

/// A started run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub run_id: RunId,
    /// Whether the key or id was used before and this is the run of that time.
    pub existed: bool,
}

impl Runtime {
    /// Starts a run. It is driven by whichever worker claims it.
    ///
    /// # Errors
    /// No such flow, an input that does not fit it, a key that was used with another input, or a
    /// store that does not answer.
    pub async fn start(&self, wish: StartRun) -> Result<Started, EngineError> {
        let flow = self.flow(&wish.flow)?;
        let run = self.new_run(flow, &wish)?;
        match self.store.create_run(Box::new(run.clone())).await? {
            CreatedRun::Created => Ok(Started { run_id: run.run_id, existed: false }),
            CreatedRun::Exists(run_id) => Ok(Started { run_id, existed: true }),
            CreatedRun::Conflict(run_id) => Err(EngineError::new(
                Code::KeyConflict,
                format!("the key was used for {run_id} with another input"),
            )
            .with_hint(format!("look at it with `mainstay runs show {run_id}`, or use a new key"))),
        }
    }

    /// Returns the highest version of a flow.
    ///
    /// # Errors
    /// There is none of that name; the hint names the nearest.
    pub fn flow(&self, name: &str) -> Result<&KnownFlow, EngineError> {
        self.flows.latest(name).ok_or_else(|| {
            let names: Vec<_> = self.flows.iter().map(|f| f.version.name.as_str()).collect();
            EngineError::new(Code::UnknownFlow, format!("there is no flow `{name}`"))
                .with_hint(format!("this program has: {}", names.join(", ")))
        })
    }

    fn new_run(&self, flow: &KnownFlow, wish: &StartRun) -> Result<NewRun, EngineError> {
        let state = flow.program.initial(&wish.input).map_err(|e| {
            let place =
                if e.path.is_empty() { String::new() } else { format!("at `{}`: ", e.path) };
            EngineError::new(Code::InvalidInput, format!("{place}{}", e.message))
                .with_hint(format!("`mainstay flows show {}` prints the input's schema", wish.flow))
        })?;
        let (input, state) = (Payload::of(&wish.input)?, Payload::of(&state)?);
        let mut limits = wish.limits;
        limits.depth.get_or_insert(self.options.depth);
        let created = Created {
            flow: flow.version.clone(),
            tenant: tenant(&wish.tenant),
            input: input.reference(wish.label.clone()),
            state: state.reference(wish.label.clone()),
            key_root: Digest::from_bytes(self.entropy.draw()),
            limits,
            requested_by: wish.requested_by.clone(),
            tags: wish.tags.clone(),
            parent: None,
            forked: None,
        };
        let key = wish.key.clone().map(|key| (key, input.digest()));
        self.first_row(self.new_id(), created, vec![input, state], key)
    }

    pub(crate) fn new_id(&self) -> RunId {
        let mut random = [0; 10];
        random.iter_mut().zip(self.entropy.draw()).for_each(|(to, from)| *to = from);
        RunId::new(self.clock.now(), random)
    }

    pub(crate) fn first_row(
        &self,
        run_id: RunId,
        created: Created,
        payloads: Vec<Payload>,
        key: Option<(String, Digest)>,
    ) -> Result<NewRun, EngineError> {
        let tags = created.tags.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        let (tenant, flow) = (created.tenant.clone(), created.flow.clone());
        let parent = created.parent.as_ref().map(|parent| parent.run_id);
        let entry = Entry::Created(Box::new(created));
        let first = JournalRow::after(Head::EMPTY, run_id, 0, self.clock.now(), &entry, payloads)?;
        let tags = tags.join("\n");
        Ok(NewRun { run_id, tenant, flow, priority: 100, key, first, parent, tags })
    }

    /// Returns a run's row. An id it had before it moved leads to it.
    ///
    /// # Errors
    /// There is none, or the store does not answer.
    pub async fn row(&self, run_id: RunId) -> Result<RunRow, EngineError> {
        self.store.run(run_id).await?.ok_or_else(|| unknown_run(run_id))
    }

    /// Returns the graph a run is pinned to, from this process or from the store.
    pub(crate) async fn wiring(&self, version: &FlowVersion) -> Result<Arc<Wiring>, EngineError> {
        if let Some(flow) = self.flows.get(version) {
            return Ok(flow.wiring.clone());
        }
        let known = self.store.flows(()).await?;
        let found = known.into_iter().find(|definition| definition.flow_version() == *version);
        found.map(|definition| Arc::new(Wiring::of(definition))).ok_or_else(|| {
            EngineError::new(Code::UnknownFlow, format!("no definition of {version} is stored"))
        })
    }

    /// Brings the fold a journal begins from into its first row: it is often too large for it.
    pub(crate) async fn fetch_fold(
        &self,
        run_id: RunId,
        rows: &mut [JournalRow],
    ) -> Result<(), EngineError> {
        let Some(first) = rows.first_mut() else { return Ok(()) };
        let Some(fold) = first.origin()? else { return Ok(()) };
        if first.payloads.iter().all(|payload| payload.digest() != fold.digest) {
            let wanted = vec![(fold.digest, first.position)];
            let found = self.store.payloads(PayloadRequest { run_id, wanted }).await?;
            first.payloads.extend(found);
        }
        Ok(())
    }

    pub(crate) async fn journal_from(
        &self,
        run_id: RunId,
        first: Position,
    ) -> Result<Vec<JournalRow>, EngineError> {
        const PAGE: u32 = 2_000;
        let mut rows: Vec<JournalRow> = Vec::new();
        loop {
            let from = rows.last().map_or(first, |row| row.position + 1);
            let page = self.store.journal(JournalRequest { run_id, from, limit: PAGE }).await?;
            let full = page.len() == PAGE as usize;
            rows.extend(page);
            if !full {
                return Ok(rows);
            }
        }
    }

    /// Returns a value that a run holds, or null where its bytes were erased.
    ///
    /// # Errors
    /// The store does not answer, or the bytes are not JSON.
    pub async fn value(&self, run_id: RunId, held: &Held) -> Result<Value, EngineError> {
        let wanted = vec![(held.payload.digest, held.at)];
        let found = self.store.payloads(PayloadRequest { run_id, wanted }).await?;
        Ok(found.first().map_or(Ok(Value::Null), Payload::read)?)
    }

    /// Asks a run to end; what can be undone is undone.
    ///
    /// # Errors
    /// There is no such run, or it has ended.
    pub async fn cancel(&self, run_id: RunId, by: &str, reason: &str) -> Result<(), EngineError> {
        let body = InboxBody::CancelRequested { by: by.into(), reason: reason.into() };
        self.tell(run_id, "cancel".into(), body, Vec::new()).await
    }

    /// Sends a named signal. The same key counts once.
    ///
    /// # Errors
    /// There is no such run, or it has ended.
    pub async fn signal(
        &self,
        run_id: RunId,
        name: &str,
        value: &Value,
        key: &str,
    ) -> Result<(), EngineError> {
        let payload = Payload::of(value)?;
        let reference = payload.reference(Label::default());
        let body = InboxBody::Signalled { name: name.into(), payload: reference };
        self.tell(run_id, format!("signal:{name}:{key}"), body, vec![payload]).await
    }

    /// Raises a run's budget and wakes it.
    ///
    /// # Errors
    /// There is no such run, or it has ended.
    pub async fn top_up(&self, run_id: RunId, add: Limits, by: &str) -> Result<(), EngineError> {
        let body = InboxBody::ToppedUp { by: by.into(), add };
        self.tell(run_id, self.fresh_key("top_up"), body, Vec::new()).await
    }

    /// Lets a stopped run go on: a waiting retry now, a divergence or quarantine once more.
    ///
    /// # Errors
    /// There is no such run, or it has ended.
    pub async fn retry(&self, run_id: RunId, by: &str) -> Result<(), EngineError> {
        let body = InboxBody::RetryRequested { by: by.into() };
        self.tell(run_id, self.fresh_key("retry"), body, Vec::new()).await
    }

    fn fresh_key(&self, word: &str) -> String {
        format!("{word}:{}", Digest::from_bytes(self.entropy.draw()).short())
    }

    async fn tell(
        &self,
        run_id: RunId,
        key: String,
        body: InboxBody,
        payloads: Vec<Payload>,
    ) -> Result<(), EngineError> {
        match self.store.deliver(Delivery { run_id, key, body, payloads }).await? {
            Delivered::Accepted { .. } | Delivered::Duplicate { .. } => Ok(()),
            Delivered::Ended => {
                Err(EngineError::new(Code::WrongStatus, format!("{run_id} has ended"))
                    .with_hint(format!("`mainstay runs show {run_id}` tells how")))
            }
            Delivered::Unknown => Err(unknown_run(run_id)),
        }
    }

    /// Returns whether a run is queued and no live session can drive its version. Nothing need tell
    /// it when one comes: that one's first claim takes it.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn lacks_worker(&self, row: &RunRow) -> Result<bool, EngineError> {
        let queued = row.status == RunStatus::Queued;
        Ok(queued && !self.served().await?.contains(&row.flow))
    }

    /// Returns the versions that live sessions can drive.
    pub(crate) async fn served(&self) -> Result<BTreeSet<FlowVersion>, StoreError> {
        let sessions = self.store.sessions(()).await?;
        let live =
            sessions.into_iter().filter(|session| !session.left.is_zero() && !session.revoked);
        Ok(live.flat_map(|session| session.lanes).collect())
    }

    /// Waits until a run ends or parks for something only a person or another system can bring.
    ///
    /// # Errors
    /// There is no such run, or the store does not answer.
    pub async fn settle(&self, run_id: RunId) -> Result<RunRow, EngineError> {
        loop {
            let row = self.row(run_id).await?;
            if row.status.is_terminal() || is_stopped(&row) {
                return Ok(row);
            }
            self.clock.sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// Returns whether a run is parked for something that no worker brings about by itself.
#[must_use]
pub fn is_stopped(row: &RunRow) -> bool {
    use mainstay_core::wait::Wait as W;
    let by_itself = |wait: &W| matches!(wait, W::Timer { .. } | W::Child { .. } | W::Retry { .. });
    let waits = row.wait.as_ref().map(|set| set.waits.as_slice()).unwrap_or_default();
    row.status == RunStatus::Parked && waits.iter().any(|wait| !by_itself(wait))
}

fn tenant(text: &str) -> String {
    if text.is_empty() { "default".to_owned() } else { text.to_owned() }
}

fn unknown_run(run_id: RunId) -> EngineError {
    EngineError::new(Code::UnknownId, format!("there is no run {run_id}"))
        .with_hint("`mainstay runs ls` lists the latest")
}
