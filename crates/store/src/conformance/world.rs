//! A fresh store with the few things every behaviour needs: ids, runs, sessions, claims.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use mainstay_core::{
    budget::Limits,
    digest::Digest,
    flow::FlowVersion,
    id::{ReviewId, RunId, SessionId},
    inbox::InboxBody,
    journal::{Created, Entry, Head, JournalRow},
    label::Label,
    payload::Payload,
    port::Clock,
    store::{
        Store, StoreError,
        operation::{
            ClaimRequest, ClaimedRun, CreatedRun, Death, Delivered, Delivery, NewRun, OpenSession,
            TakeOver,
        },
        row::RunRow,
    },
    time::Timestamp,
};
use serde_json::json;

use super::{Failure, ManualClock, Owner, Subject, absent, equal};

/// How long a beat is good for in these tests.
pub(super) const LEASE: Duration = Duration::from_secs(15);

/// A store under test.
pub struct World {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    drawn: AtomicU64,
    _guard: Box<dyn std::any::Any + Send + Sync>,
}

impl World {
    /// Stands on a fresh store.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        let Subject { store, clock, guard } = subject;
        Self { store, clock, drawn: AtomicU64::new(0), _guard: guard }
    }

    /// Returns the time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn draw(&self) -> [u8; 10] {
        let mut random = [0; 10];
        let n = self.drawn.fetch_add(1, Ordering::SeqCst);
        let (_, tail) = random.split_at_mut(2);
        tail.copy_from_slice(&n.to_be_bytes());
        random
    }

    /// Returns an id no other run has.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        RunId::new(self.now(), self.draw())
    }

    /// Returns an id no other session has.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        SessionId::new(self.now(), self.draw())
    }

    /// Returns an id no other review has.
    #[must_use]
    pub fn review_id(&self) -> ReviewId {
        ReviewId::new(self.now(), self.draw())
    }

    /// Returns a nonce no other claim has.
    #[must_use]
    pub fn nonce(&self) -> [u8; 16] {
        let mut nonce = [7; 16];
        let (head, _) = nonce.split_at_mut(10);
        head.copy_from_slice(&self.draw());
        nonce
    }

    /// Returns an ordinary run that was not started yet.
    ///
    /// # Errors
    /// The first row cannot be written.
    pub fn new_run(&self) -> Result<NewRun, Failure> {
        self.new_run_of(&lane("desk"), "acme")
    }

    /// Returns a run of a lane and a tenant that was not started yet.
    ///
    /// # Errors
    /// The first row cannot be written.
    pub fn new_run_of(&self, flow: &FlowVersion, tenant: &str) -> Result<NewRun, Failure> {
        let run_id = self.run_id();
        let state = payload(&json!({"ticket": 7}))?;
        let created = Entry::Created(Box::new(Created {
            flow: flow.clone(),
            tenant: tenant.to_owned(),
            input: state.reference(Label::default()),
            state: state.reference(Label::default()),
            key_root: Digest::of(run_id.uuid().as_bytes()),
            limits: Limits::default(),
            requested_by: None,
            tags: [("team".to_owned(), "red".to_owned())].into(),
            parent: None,
            forked: None,
        }));
        let first = JournalRow::after(Head::EMPTY, run_id, 0, self.now(), &created, vec![state]);
        Ok(NewRun {
            run_id,
            tenant: tenant.to_owned(),
            flow: flow.clone(),
            priority: 100,
            key: None,
            first: first.map_err(|e| Failure(e.to_string()))?,
            parent: None,
            tags: "team=red".to_owned(),
        })
    }

    /// Starts a run.
    ///
    /// # Errors
    /// It does not start.
    pub async fn start(&self, run: NewRun) -> Result<RunId, Failure> {
        let run_id = run.run_id;
        equal("a new run", self.store.create_run(Box::new(run)).await?, CreatedRun::Created)?;
        Ok(run_id)
    }

    /// Opens a session with a lease of fifteen seconds.
    ///
    /// # Errors
    /// It does not open.
    pub async fn open(&self) -> Result<SessionId, Failure> {
        let session = self.session_id();
        let open = OpenSession {
            session,
            name: "host/1".to_owned(),
            lanes: vec![lane("desk")],
            lease: LEASE,
            proof: None,
        };
        self.store.open_session(open).await?;
        Ok(session)
    }

    /// Returns a wish for up to `limit` runs of the ordinary lane.
    #[must_use]
    pub fn wish(&self, session: SessionId, limit: usize) -> ClaimRequest {
        let nonces = (0..limit).map(|_| self.nonce()).collect();
        ClaimRequest { session, lanes: vec![lane("desk")], only: None, nonces, at: self.now() }
    }

    /// Claims one run.
    ///
    /// # Errors
    /// Nothing can be claimed.
    pub async fn claim(&self, session: SessionId) -> Result<ClaimedRun, Failure> {
        let claimed = self.store.claim(self.wish(session, 1)).await?;
        claimed.into_iter().next().ok_or_else(|| absent("a claimed run"))
    }

    /// Takes a session's runs over; returns how many.
    ///
    /// # Errors
    /// The store fails.
    pub async fn take_over(&self, session: SessionId, death: Death) -> Result<u64, StoreError> {
        self.store.take_over(TakeOver { session, death }).await
    }

    /// Starts a run and claims it in a session of its own.
    ///
    /// # Errors
    /// Something else is claimed.
    pub async fn owned(&self) -> Result<Owner, Failure> {
        let run_id = self.start(self.new_run()?).await?;
        let claimed = self.claim(self.open().await?).await?;
        equal("the claimed run", claimed.run.run_id, run_id)?;
        Ok(Owner::of(&claimed))
    }

    /// Returns a run's row.
    ///
    /// # Errors
    /// There is none.
    pub async fn row(&self, run_id: RunId) -> Result<RunRow, Failure> {
        self.store.run(run_id).await?.ok_or_else(|| absent("the run's row"))
    }

    /// Puts a signal into a run's inbox.
    ///
    /// # Errors
    /// The store fails.
    pub async fn tell(&self, run_id: RunId, key: &str) -> Result<Delivered, Failure> {
        Ok(self.store.deliver(signal(run_id, key)?).await?)
    }
}

/// Returns the lane of a flow's first version.
#[must_use]
pub(super) fn lane(name: &str) -> FlowVersion {
    FlowVersion { name: name.to_owned(), version: 1, definition: Digest::of(name.as_bytes()) }
}

/// Returns a value's payload.
pub(super) fn payload(value: &serde_json::Value) -> Result<Payload, Failure> {
    Payload::of(value).map_err(|e| Failure(e.to_string()))
}

/// Returns a message to a run.
pub(super) fn signal(run_id: RunId, key: &str) -> Result<Delivery, Failure> {
    let value = payload(&json!({"said": key}))?;
    let body = InboxBody::Signalled {
        name: "ping".to_owned(),
        payload: value.reference(Label::default()),
    };
    Ok(Delivery { run_id, key: key.to_owned(), body, payloads: vec![value] })
}
