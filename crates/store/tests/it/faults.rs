//! The suite itself under test: a store with a planted fault must fail it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    operation::{
        Append, Appended, Beat, ClaimRequest, ClaimedRun, CreatedRun, Decided,
        Delivered, FiredTimers, JournalRequest, Operation, Reply, RowChange,
    },
};
use mainstay_store::{
    conformance::{self, BEHAVIOURS, ManualClock, Subject},
    model::MemoryStore,
};

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// What can be wrong with a store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Fault { $($(#[$doc])* $name,)* }
        const FAULTS: &[Fault] = &[$(Fault::$name),*];
    };
}

faults! {
    /// Appends go to the journal's end, whoever writes them.
    NoFence;
    /// A repeated append is accepted in silence.
    RepeatsAccepted;
    /// Parks and ends do not look at the inbox.
    BlindPark;
    /// When nothing is left to claim, the last claims are handed out again.
    DoubleClaim;
    /// A claim looks at no lane.
    AnyLane;
    /// Messages have no key.
    NoDeduplication;
    /// An ended run takes messages.
    EndedTakesMessages;
    /// A lost lease comes back.
    ImmortalSession;
    /// A takeover needs no revocation.
    EagerTakeOver;
    /// A takeover counts no crash.
    ForgetsCrashes;
    /// A run that crashed is claimed beside others.
    CrashedBesideOthers;
    /// Idempotency keys are shared by all tenants.
    SharedKeys;
    /// A key is not compared with the input it came with.
    AnyInput;
    /// Timers are dropped without a message.
    SilentTimers;
    /// Each decision counts.
    EveryDecisionCounts;
    /// Decisions are not bound to what was shown.
    AnySubject;
    /// Messages to others are gone once they were read.
    OutboxReadOnce;
    /// One poisoned part takes the whole commit with it.
    PoisonSpreads;
    /// Large payloads are cut off.
    CutPayloads;
    /// Rows come back without what they carried.
    NoInlinePayloads;
    /// Loading starts at the first row, checkpoint or not.
    NoCheckpoint;
    /// A run that waits for all wakes at the first message.
    WakesEarly;
}

/// The model with a fault around it.
struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    last_claim: Mutex<Vec<ClaimedRun>>,
    sent: Mutex<u64>,
}

impl Faulty {
    /// Changes what the model is asked.
    async fn ask(&self, operation: Operation) -> Result<Operation, StoreError> {
        use Fault as F;
        Ok(match (self.fault, operation) {
            (F::NoFence, Operation::Append(parts)) => {
                Operation::Append(self.at_the_end(parts).await?)
            }
            (F::BlindPark, Operation::Append(mut parts)) => {
                for part in &mut parts {
                    self.believe_inbox(part).await?;
                }
                Operation::Append(parts)
            }
            (F::WakesEarly, Operation::Append(mut parts)) => {
                for part in &mut parts {
                    if let RowChange::Park { wait, .. } = &mut part.change {
                        wait.mode = mainstay_core::wait::WaitMode::Any;
                    }
                }
                Operation::Append(parts)
            }
            (F::NoCheckpoint, Operation::Append(mut parts)) => {
                for part in &mut parts {
                    if let RowChange::Checkpoint(_) = part.change {
                        part.change = RowChange::Keep;
                    }
                }
                Operation::Append(parts)
            }
            (F::CutPayloads, Operation::Append(mut parts)) => {
                for row in parts.iter_mut().flat_map(|part| &mut part.rows) {
                    row.payloads.retain(|payload| payload.bytes().len() <= 2_048);
                }
                Operation::Append(parts)
            }
            (F::AnyLane, Operation::Claim(wish)) => {
                let mut lanes = wish.lanes.clone();
                for lane in &wish.lanes {
                    lanes.extend((1..4).map(|version| {
                        let name = "other".to_owned();
                        let definition = mainstay_core::digest::Digest::of(name.as_bytes());
                        mainstay_core::flow::FlowVersion { name, version, definition }
                    }));
                    lanes.push(lane.clone());
                }
                Operation::Claim(ClaimRequest { lanes, ..wish })
            }
            (F::NoDeduplication, Operation::Deliver(mut message)) => {
                let mut sent = self.sent.lock().unwrap();
                *sent += 1;
                message.key.push_str(&sent.to_string());
                Operation::Deliver(message)
            }
            (F::EagerTakeOver, Operation::TakeOver(session)) => {
                self.inner.revoke(session).await?;
                Operation::TakeOver(session)
            }
            (F::SharedKeys, Operation::CreateRun(mut run)) => {
                run.tenant = "everybody".to_owned();
                Operation::CreateRun(run)
            }
            (F::AnyInput, Operation::CreateRun(mut run)) => {
                if let Some((_, input)) = &mut run.key {
                    *input = mainstay_core::digest::Digest::ZERO;
                }
                Operation::CreateRun(run)
            }
            (F::SilentTimers, Operation::FireTimers(mut fire)) => {
                fire.limit = 0;
                Operation::FireTimers(fire)
            }
            (F::AnySubject, Operation::Decide(mut decision)) => {
                let one = mainstay_core::store::row::ReviewFilter::One(decision.review_id);
                if let Some(review) = self.inner.reviews(one).await?.pop() {
                    decision.subject_digest = review.request.subject_digest;
                }
                Operation::Decide(decision)
            }
            (_, operation) => operation,
        })
    }

    async fn at_the_end(&self, mut parts: Vec<Append>) -> Result<Vec<Append>, StoreError> {
        for part in &mut parts {
            let whole = JournalRequest { run_id: part.run_id, from: 1, limit: u32::MAX };
            let journal = self.inner.journal(whole).await?;
            let Some(last) = journal.last() else { continue };
            (part.head.position, part.head.link) = (last.position, last.link);
            part.epoch = last.epoch;
            for (row, position) in part.rows.iter_mut().zip(last.position + 1..) {
                (row.position, row.epoch) = (position, last.epoch);
            }
        }
        Ok(parts)
    }

    async fn believe_inbox(&self, part: &mut Append) -> Result<(), StoreError> {
        let head = self.inner.run(part.run_id).await?.map_or(0, |row| row.inbox_head);
        match &mut part.change {
            RowChange::Park { inbox_seen, .. } | RowChange::Finish { inbox_seen, .. } => {
                *inbox_seen = head;
            }
            RowChange::Keep
            | RowChange::Checkpoint(_)
            | RowChange::Release { .. }
            | RowChange::Move { .. } => {}
        }
        Ok(())
    }

    /// Changes what the model answers.
    async fn answer(&self, asked: &Operation, reply: Reply) -> Result<Reply, StoreError> {
        use Fault as F;
        Ok(match (self.fault, reply) {
            (F::RepeatsAccepted, Reply::Append(answers)) => {
                let repeated = |answer| match answer {
                    Appended::Fenced { found: Some(_) } => Appended::Accepted,
                    other => other,
                };
                Reply::Append(answers.into_iter().map(repeated).collect())
            }
            (F::PoisonSpreads, Reply::Append(answers)) => {
                let poisoned = answers.iter().any(|a| matches!(a, Appended::Poison(_)));
                let spread =
                    |answer| if poisoned { Appended::Poison(String::new()) } else { answer };
                Reply::Append(answers.into_iter().map(spread).collect())
            }
            (F::DoubleClaim, Reply::Claim(claimed)) => {
                let mut last = self.last_claim.lock().unwrap();
                if claimed.is_empty() {
                    return Ok(Reply::Claim(last.clone()));
                }
                last.clone_from(&claimed);
                Reply::Claim(claimed)
            }
            (F::CrashedBesideOthers, Reply::Claim(mut claimed)) => {
                if let Operation::Claim(wish) = asked
                    && !claimed.is_empty()
                    && claimed.len() < wish.nonces.len()
                {
                    let rest = wish.nonces.iter().skip(claimed.len()).copied().collect();
                    let more = ClaimRequest { nonces: rest, ..wish.clone() };
                    claimed.extend(self.inner.claim(more).await?);
                }
                Reply::Claim(claimed)
            }
            (F::ForgetsCrashes, Reply::Claim(mut claimed)) => {
                claimed.iter_mut().for_each(|claimed| claimed.run.crashes = 0);
                Reply::Claim(claimed)
            }
            (F::EndedTakesMessages, Reply::Deliver(Delivered::Ended)) => {
                Reply::Deliver(Delivered::Accepted { position: 1, woke: false })
            }
            (F::ImmortalSession, Reply::Beat(Beat::Lost)) => {
                let now = self.inner.facts(()).await?.now;
                Reply::Beat(Beat::Alive { now, moved: Vec::new() })
            }
            (F::SilentTimers, Reply::FireTimers(_)) => {
                Reply::FireTimers(FiredTimers { fired: 0, next_in: None })
            }
            (F::EveryDecisionCounts, Reply::Decide(Decided::Closed(Some(outcome)))) => {
                drop(outcome);
                match asked {
                    Operation::Decide(decision) => {
                        let one = mainstay_core::store::row::ReviewFilter::One(decision.review_id);
                        let review = self.inner.reviews(one).await?.pop().unwrap();
                        Reply::Decide(Decided::Counted(review.run_id))
                    }
                    _ => unreachable!("a decision's answer to something else"),
                }
            }
            (F::OutboxReadOnce, Reply::Outbox(rows)) => {
                self.inner.outbox_done(rows.clone()).await?;
                Reply::Outbox(rows)
            }
            (F::NoInlinePayloads, Reply::Journal(mut rows)) => {
                rows.iter_mut().for_each(|row| row.payloads.clear());
                Reply::Journal(rows)
            }
            (F::AnyInput, Reply::CreateRun(CreatedRun::Conflict(first))) => {
                Reply::CreateRun(CreatedRun::Exists(first))
            }
            (_, reply) => reply,
        })
    }
}

#[async_trait]
impl Store for Faulty {
    async fn execute(&self, operation: Operation) -> Result<Reply, StoreError> {
        let asked = self.ask(operation).await?;
        let reply = self.inner.execute(asked.clone()).await?;
        self.answer(&asked, reply).await
    }
}

fn faulty(fault: Fault) -> Subject {
    let clock = Arc::<ManualClock>::default();
    let inner: Arc<dyn Store> = Arc::new(MemoryStore::default().with_clock(clock.clone()));
    let store =
        Arc::new(Faulty { inner, fault, last_claim: Mutex::default(), sent: Mutex::default() });
    Subject { store, clock, guard: Box::new(()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_catches_every_planted_fault() {
    for fault in FAULTS {
        let mut caught = Vec::new();
        for (name, _) in BEHAVIOURS {
            if conformance::check(name, faulty(*fault)).await.is_err() {
                caught.push(*name);
            }
        }
        println!("{fault:?}: caught by {}", caught.join(", "));
        assert!(!caught.is_empty(), "nothing catches {fault:?}");
        assert!(caught.len() < BEHAVIOURS.len() / 2, "{fault:?} breaks the store, not one promise");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_operations_catch_what_they_meet() {
    for fault in [Fault::NoFence, Fault::BlindPark, Fault::NoDeduplication, Fault::NoCheckpoint] {
        let verdict = conformance::differential::compare(faulty(fault), 1, 1_500).await;
        assert!(verdict.is_err(), "nothing catches {fault:?}");
    }
}
