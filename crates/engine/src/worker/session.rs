//! One session of a worker: from its first beat to its end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use mainstay_core::{
    flow::FlowVersion,
    id::{RunId, SessionId},
    store::operation::{Beat, BeatRequest, ClaimRequest, ClaimedRun, OpenSession},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{ahead::Ahead, background, driver, proof::Proof};
use crate::{
    commit::Committer,
    drive::{Desk, Nudges, Wish},
    error::EngineError,
    lease::Lease,
    patient::Patient,
    purse::{Purse, Returning},
    runtime::Runtime,
};

/// Runs asked for in one claim at most.
const CLAIM_BATCH: usize = 64;

/// How a session ended.
pub(super) struct Over {
    pub(super) claimed: u64,
    pub(super) lost: bool,
}

struct Session {
    desk: Desk,
    wish: watch::Sender<Wish>,
    drivers: JoinSet<(RunId, Arc<Notify>)>,
    inboxes: HashMap<RunId, Arc<Notify>>,
    /// Nonces for claims to come; those a claim did not use serve the next.
    nonces: Vec<[u8; 16]>,
    claimed: u64,
    /// The versions it can drive, and those it can take over to one of them.
    lanes: Vec<FlowVersion>,
    ahead: Ahead<ClaimedRun>,
}

pub(super) async fn run(
    runtime: &Arc<Runtime>,
    name: &str,
    stop: &CancellationToken,
) -> Result<Over, EngineError> {
    let lanes = lanes(runtime).await?;
    let opened = runtime.clock.boot();
    let (lease, proof) = open(runtime, name, lanes.clone(), opened).await?;
    let nudges = Arc::new(Nudges::default());
    let committer = Committer::new(runtime.store.clone(), runtime.clock.clone(), lease.clone());
    let (wish, wishes) = watch::channel(Wish::Drive);
    let patient = Patient::new(runtime.store.clone(), runtime.clock.clone(), lease.clone());
    let patient = Arc::new(patient);
    let purse = Arc::new(Purse::new(patient.clone(), lease.session()));
    let view = Runtime { store: patient, ..Runtime::clone(runtime) };
    let desk = Desk {
        runtime: Arc::new(view),
        committer,
        lease: lease.clone(),
        wish: wishes,
        nudges,
        places: Arc::default(),
        purse,
    };
    let end = CancellationToken::new();
    let mut loops = background::start(&desk, &end);
    let mut session = Session {
        desk,
        wish,
        drivers: JoinSet::new(),
        inboxes: HashMap::new(),
        nonces: Vec::new(),
        claimed: 0,
        lanes,
        ahead: Ahead::default(),
    };
    session.work(stop, opened).await;
    let lost = lease.is_lost();
    if !lost {
        session.drain().await;
    }
    session.drivers.shutdown().await;
    end.cancel();
    while loops.join_next().await.is_some() {}
    if !lost {
        // What is not given back now counts as spent.
        session.desk.purse.report(Returning::All).await;
    }
    if !lost && runtime.store.close_session(lease.session()).await.is_ok() {
        proof.into_iter().for_each(Proof::retire);
    }
    Ok(Over { claimed: session.claimed, lost })
}

/// Returns the versions of this process, and older ones whose runs it can migrate.
async fn lanes(runtime: &Runtime) -> Result<Vec<FlowVersion>, EngineError> {
    let mut lanes = runtime.flows.lanes();
    for definition in runtime.store.flows(()).await? {
        let version = definition.flow_version();
        if runtime.flows.accept(&version) && !lanes.contains(&version) {
            lanes.push(version);
        }
    }
    Ok(lanes)
}

async fn open(
    runtime: &Arc<Runtime>,
    name: &str,
    lanes: Vec<FlowVersion>,
    opened: Duration,
) -> Result<(Arc<Lease>, Option<Proof>), EngineError> {
    let draw = runtime.entropy.draw();
    let mut random = [0; 10];
    random.iter_mut().zip(draw).for_each(|(to, from)| *to = from);
    let session = SessionId::new(runtime.clock.now(), random);
    let proof =
        runtime.options.proof_dir.as_deref().and_then(|dir| Proof::make(dir, session, draw));
    let request = OpenSession {
        session,
        name: name.to_owned(),
        lanes,
        lease: runtime.options.lease,
        proof: proof.as_ref().map(Proof::described),
    };
    runtime.store.open_session(request).await?;
    Ok((Arc::new(Lease::begin(session, opened, runtime.options.fence)), proof))
}

impl Session {
    /// Claims and drives until the stop or the loss of the lease, with a beat in between. The first is
    /// due by the time at which the session was asked for: its lease runs since then.
    async fn work(&mut self, stop: &CancellationToken, opened: Duration) {
        let options = self.desk.runtime.options.clone();
        let clock = self.desk.runtime.clock.clone();
        let (mut idle, mut next_beat) = (options.poll.0, opened + options.beat);
        loop {
            if !self.desk.lease.holds(clock.boot()) {
                return self.desk.lease.lose();
            }
            if stop.is_cancelled() {
                return;
            }
            if clock.boot() >= next_beat {
                next_beat = clock.boot() + options.beat;
                self.beat().await;
                continue;
            }
            // Ended drivers give their places back before more runs are asked for.
            while let Some(ended) = self.drivers.try_join_next() {
                self.driver_ended(ended.ok());
            }
            self.seat(clock.boot());
            let wanted = self.ahead.wanted(clock.boot(), self.room(), options.concurrency);
            let found = self.claim(wanted).await;
            self.seat(clock.boot());
            idle = if found > 0 { options.poll.0 } else { (idle * 2).min(options.poll.1) };
            let full = self.driven() >= options.concurrency;
            self.wish_for(full);
            // Where all that stood in the queue was claimed, another look would find nothing.
            let more = found > 0 && self.ahead.has_backlog() && !full;
            let pause = if more { Duration::ZERO } else { idle };
            let pause = pause.min(self.ahead.left(clock.boot()).unwrap_or(pause));
            let pause = pause.min(next_beat.saturating_sub(clock.boot()));
            let (nudges, store) = (self.desk.nudges.clone(), self.desk.runtime.store.clone());
            let places = self.desk.places.clone();
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = self.desk.lease.lost() => {}
                () = places.left(), if full => {}
                Some(ended) = self.drivers.join_next() => self.driver_ended(ended.ok()),
                () = nudges.claim.notified(), if !full => idle = options.poll.0,
                () = store.hinted(), if !full => idle = options.poll.0,
                () = clock.sleep(pause) => {}
            }
        }
    }

    /// Begins the runs that there are places for.
    fn seat(&mut self, now: Duration) {
        while let Some(run) = self.ahead.next(now, self.room()) {
            self.spawn(run);
        }
    }

    /// When this worker is full, drivers give runs back between steps so that others get their
    /// turn.
    fn wish_for(&self, full: bool) {
        let wish = if full { Wish::Yield } else { Wish::Drive };
        self.wish.send_if_modified(|now| std::mem::replace(now, wish) != wish);
    }

    /// Forgets an ended driver's inbox, unless the run has come back to another driver meanwhile.
    fn driver_ended(&mut self, ended: Option<(RunId, Arc<Notify>)>) {
        self.ahead.freed();
        if let Some((run_id, inbox)) = ended
            && self.inboxes.get(&run_id).is_some_and(|kept| Arc::ptr_eq(kept, &inbox))
        {
            self.inboxes.remove(&run_id);
        }
    }

    /// Extends the lease, and tells drivers whose inbox moved.
    async fn beat(&mut self) {
        let options = &self.desk.runtime.options;
        let (session, sent) = (self.desk.lease.session(), self.desk.runtime.clock.boot());
        let draining = *self.wish.borrow() == Wish::Drain;
        let request = BeatRequest { session, lease: options.lease, draining };
        match self.desk.runtime.store.beat(request).await {
            Ok(Beat::Alive { moved, .. }) => {
                self.desk.lease.extend(sent, options.fence);
                for (run_id, _) in moved {
                    if let Some(inbox) = self.inboxes.get(&run_id) {
                        inbox.notify_one();
                    }
                }
            }
            Ok(Beat::Lost) => self.desk.lease.lose(),
            // Not acknowledged: the lease runs out by itself if this goes on.
            Err(error) => tracing::warn!(%error, "beat not acknowledged"),
        }
    }

    /// Returns how many more runs it may drive.
    fn room(&self) -> usize {
        self.desk.runtime.options.concurrency.saturating_sub(self.driven())
    }

    /// Returns how many runs have a place: those in their last commit have none any more. So at
    /// most as many again are leaving.
    fn driven(&self) -> usize {
        let drivers = self.drivers.len();
        drivers - self.desk.places.leaving().min(drivers).min(self.desk.runtime.options.concurrency)
    }

    /// Claims up to so many runs; returns how many came.
    async fn claim(&mut self, wanted: usize) -> usize {
        let limit = wanted.min(CLAIM_BATCH);
        if limit == 0 || *self.wish.borrow() == Wish::Drain {
            return 0;
        }
        while self.nonces.len() < limit {
            let draw = self.desk.runtime.entropy.draw();
            let mut nonce = [0; 16];
            nonce.iter_mut().zip(draw).for_each(|(to, from)| *to = from);
            self.nonces.push(nonce);
        }
        let request = ClaimRequest {
            session: self.desk.lease.session(),
            lanes: self.lanes.clone(),
            only: None,
            nonces: self.nonces.iter().take(limit).copied().collect(),
            at: self.desk.runtime.clock.now(),
        };
        let claimed = match self.desk.runtime.store.claim(request).await {
            Ok(claimed) => claimed,
            Err(error) => {
                // Whatever a lost answer gave us is driven after the next takeover.
                tracing::warn!(%error, "claim failed");
                self.claim_unanswered().await;
                return 0;
            }
        };
        self.nonces.retain(|nonce| claimed.iter().all(|run| run.nonce != *nonce));
        let count = claimed.len();
        self.claimed += count as u64;
        for run in &claimed {
            // A message may come before the driver does.
            self.inboxes.insert(run.run.run_id, Arc::default());
        }
        self.ahead.keep(claimed, limit, self.desk.runtime.clock.boot());
        count
    }

    /// A claim whose answer was lost may have given runs to this session that nobody drives. The
    /// session ends: its runs are taken over like those of a dead one.
    async fn claim_unanswered(&self) {
        self.desk.lease.lose();
        let _ = self.desk.runtime.store.revoke(self.desk.lease.session()).await;
    }

    fn spawn(&mut self, claimed: ClaimedRun) {
        let run_id = claimed.run.run_id;
        let inbox = self.inboxes.entry(run_id).or_default().clone();
        // A driver's future is large, and a task moves what it is made of several times.
        let driver = Box::pin(driver::drive(self.desk.clone(), claimed, inbox.clone()));
        self.drivers.spawn(async move {
            driver.await;
            (run_id, inbox)
        });
    }

    /// Lets drivers come to a boundary, for at most the drain time; beats go on.
    async fn drain(&mut self) {
        self.wish.send_replace(Wish::Drain);
        while let Some(run) = self.ahead.pop() {
            self.spawn(run);
        }
        let clock = self.desk.runtime.clock.clone();
        let options = self.desk.runtime.options.clone();
        let end = clock.boot() + options.drain;
        while !self.drivers.is_empty() && clock.boot() < end && !self.desk.lease.is_lost() {
            let left = end.saturating_sub(clock.boot()).min(options.beat);
            tokio::select! {
                biased;
                Some(ended) = self.drivers.join_next() => self.driver_ended(ended.ok()),
                () = clock.sleep(left) => self.beat().await,
            }
        }
    }
}
