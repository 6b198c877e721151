//! The suite itself under test: a store with a planted fault must fail it.

mod answer;
mod ask;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mainstay_core::store::{
    Store, StoreError,
    operation::{ClaimedRun, Operation, Reply},
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
    /// A claim that names a run takes whichever comes first.
    AnyRun;
    /// Messages have no key.
    NoDeduplication;
    /// An ended run takes messages.
    EndedTakesMessages;
    /// A lost lease comes back.
    ImmortalSession;
    /// A takeover needs no revocation.
    EagerTakeOver;
    /// A takeover before the lease has passed leaves no mark.
    PresumesProof;
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
    /// An id that moved leads nowhere.
    LosesAliases;
    /// A move does not look at the inbox.
    BlindMove;
    /// What a run that moves refers to stays behind.
    LendsNothing;
    /// A duty is given to everybody who asks.
    TwoHolders;
}

/// The model with a fault around it: before it is asked ([`ask`]) or after it answered
/// ([`answer`]).
struct Faulty {
    inner: Arc<dyn Store>,
    fault: Fault,
    last_claim: Mutex<Vec<ClaimedRun>>,
    sent: Mutex<u64>,
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
