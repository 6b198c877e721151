//! The Postgres store.
//!
//! Connections are few and each belongs to one task: some commit journals, all that waits in one
//! statement; some do everything else; each worker session has one of its own for its beats and
//! its lock. Nothing here polls, and nothing is notified inside a transaction that writes: hints
//! go through a connection of their own.

mod allowance;
mod append;
mod claim;
mod connect;
mod create;
mod deliver;
mod facts;
mod failure;
mod flows;
mod front;
mod hint;
mod home;
mod index;
mod lane;
mod migrate;
mod outbox;
mod perform;
mod queue;
mod read;
mod rehome;
mod reviews;
mod sessions;
mod shared;
mod sql;
mod timers;
mod unexplained;
mod week;
mod weeks;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use mainstay_core::{
    id::SessionId,
    port::Clock,
    store::{
        Store, StoreError,
        operation::{Operation, Reply},
    },
};
use tokio::task::JoinHandle;

use self::{
    connect::{Address, Link, Purpose},
    hint::{Ear, Mouth},
    lane::{AppendJob, Job},
    queue::Queue,
    shared::{Shared, lock},
};
use crate::{
    clock::StoreClock,
    hint::{gives_back, makes_ready},
};

/// How a server is used.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    clock: StoreClock,
    appenders: usize,
    connections: usize,
    patience: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            clock: StoreClock::default(),
            appenders: 2,
            connections: 4,
            patience: Duration::from_secs(30),
        }
    }
}

impl PostgresOptions {
    /// Follows this clock instead of the server's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = StoreClock::simulated(clock);
        self
    }

    /// Commits steps on this many connections; 2 unless told. More give smaller batches. What is more
    /// than a step is committed on one.
    #[must_use]
    pub fn with_appenders(mut self, appenders: usize) -> Self {
        self.appenders = appenders.max(1);
        self
    }

    /// Does everything else on this many connections; 4 unless told.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Gives up on an answer after this long; 30 seconds unless told.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// A store on a Postgres server.
pub struct PostgresStore {
    address: Address,
    shared: Arc<Shared>,
    /// Parts that are a step each, and nothing else.
    steps: Arc<Queue<AppendJob>>,
    /// All other parts. The statement for all there may be costs many times the one for a row each,
    /// and every tenth step would bring it upon the others.
    appends: Arc<Queue<AppendJob>>,
    jobs: Arc<Queue<Job>>,
    controls: Mutex<HashMap<SessionId, Arc<Queue<Job>>>>,
    mouth: Mouth,
    ear: Ear,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl PostgresStore {
    /// Connects to the server of a `postgres://` URL; `?host=/directory` names a Unix socket. The
    /// schema is looked at with the first operation that needs it.
    ///
    /// # Errors
    /// The URL is none, or the server does not let us in.
    pub async fn connect(url: &str, options: PostgresOptions) -> Result<Self, StoreError> {
        let address = Address::read(url, options.patience)?;
        let shared = Arc::new(Shared::new(options.clock, options.patience));
        let (mouth, speaks) = Mouth::open(Link::new(address.clone(), Purpose::Control));
        let store = Self {
            ear: Ear::new(address.clone()),
            mouth,
            address,
            shared,
            steps: Arc::new(Queue::new()),
            appends: Arc::new(Queue::new()),
            jobs: Arc::new(Queue::new()),
            controls: Mutex::default(),
            tasks: Mutex::default(),
        };
        store.keep(speaks);
        let mut first = store.link(Purpose::Ordinary);
        first.bare().await.map_err(|failed| failed.told(None))?;
        store.spawn_jobs(&store.jobs, first, None);
        for _ in 1..options.connections {
            store.spawn_jobs(&store.jobs, store.link(Purpose::Ordinary), None);
        }
        for _ in 0..options.appenders {
            store.spawn_appends(&store.steps, lane::serve_steps);
        }
        store.spawn_appends(&store.appends, lane::serve_appends);
        Ok(store)
    }

    /// Waits until everything that was asked for is done and every connection is closed.
    pub async fn close(self) {
        self.shut();
        let tasks = std::mem::take(&mut *lock(&self.tasks));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a connection's task ended abnormally");
            }
        }
    }

    fn shut(&self) {
        self.steps.close();
        self.appends.close();
        self.jobs.close();
        lock(&self.controls).drain().for_each(|(_, control)| control.close());
        self.mouth.close();
        self.ear.close();
    }

    fn link(&self, purpose: Purpose) -> Link {
        Link::new(self.address.clone(), purpose)
    }

    fn spawn_jobs(&self, queue: &Arc<Queue<Job>>, link: Link, quiet: Option<Duration>) {
        let task = lane::serve(Arc::clone(queue), link, Arc::clone(&self.shared), quiet);
        self.keep(tokio::spawn(task));
    }

    fn spawn_appends<F: Future<Output = ()> + Send + 'static>(
        &self,
        queue: &Arc<Queue<AppendJob>>,
        serve: fn(Arc<Queue<AppendJob>>, Link, Arc<Shared>) -> F,
    ) {
        let task = serve(Arc::clone(queue), self.link(Purpose::Append), Arc::clone(&self.shared));
        self.keep(tokio::spawn(task));
    }

    fn keep(&self, task: JoinHandle<()>) {
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Returns the queue of a session's own connection, which is made with the session, and is over
    /// when no beat came for two leases: then the session is, too.
    fn control(&self, session: SessionId, lease: Duration) -> Arc<Queue<Job>> {
        lock(&self.controls).retain(|_, control| !control.is_closed());
        if let Some(control) = lock(&self.controls).get(&session) {
            return Arc::clone(control);
        }
        let control = Arc::new(Queue::new());
        self.spawn_jobs(&control, self.link(Purpose::Control), Some(lease * 2));
        lock(&self.controls).insert(session, Arc::clone(&control));
        control
    }

    /// Closes a session's own connection, and with it frees the session's lock.
    fn drop_control(&self, session: SessionId) {
        if let Some(control) = lock(&self.controls).remove(&session) {
            control.close();
        }
    }

    /// Returns the queue of an operation: beats go on the connection that holds the lock.
    fn queue_of(&self, operation: &Operation) -> Arc<Queue<Job>> {
        if let Operation::OpenSession(open) = operation {
            return self.control(open.session, open.lease);
        }
        if let Operation::Beat(beat) = operation
            && let Some(control) = lock(&self.controls).get(&beat.session)
            && !control.is_closed()
        {
            return Arc::clone(control);
        }
        Arc::clone(&self.jobs)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        if let Operation::Append(parts) = operation {
            let gives_back = gives_back(&parts);
            let plain = parts.iter().all(append::is_plain);
            let queue = if plain { &self.steps } else { &self.appends };
            let answers = lane::ask_append(queue, parts).await?;
            if gives_back {
                self.mouth.say();
            }
            return Ok(Reply::Append(answers));
        }
        let queue = self.queue_of(&operation);
        let ending =
            if let Operation::CloseSession(session) = operation { Some(session) } else { None };
        let reply = lane::ask(&queue, operation).await;
        ending.into_iter().for_each(|session| self.drop_control(session));
        if reply.as_ref().is_ok_and(makes_ready) {
            self.ear.heard();
            self.mouth.say_and_wait().await;
        }
        reply
    }

    async fn hinted(&self) {
        self.ear.hinted().await;
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.shut();
    }
}

impl fmt::Debug for PostgresStore {
    /// The address stays out: it has a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("shared", &self.shared).finish_non_exhaustive()
    }
}
