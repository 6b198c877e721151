//! Drives one claimed run: from its journal to the next park, release or end.
//!
//! # The loop
//!
//! Start what may start; poll each open step to rest, answering what the journal knows one outcome
//! at a time; commit what must be durable before something is seen or sent; send what may be sent;
//! and when nothing is under way, park, end, or give the run back. The same loop serves a fresh run
//! and one that comes back from a crash: the difference is only what the journal already holds.

mod allowance;
mod approve;
mod ask;
mod book;
mod call;
mod caution;
pub(crate) mod control;
mod end;
mod exchange;
mod govern;
mod inner;
mod input;
pub(crate) mod migrate;
mod models;
mod open;
mod origin;
mod outcome;
mod pipeline;
mod recover;
mod spend;
mod start;
mod steps;
mod turn;
mod values;
mod wait;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mainstay_core::{
    budget::Spend,
    digest::{Digest, NotCanonical},
    effect::{EffectPosition, StepKey},
    fold::FoldError,
    inbox::InboxBody,
    journal::Entry,
    store::{
        StoreError,
        operation::{ClaimedRun, InboxRequest},
        row::InboxRow,
    },
    wait::{Wait, WaitSet},
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    commit::Committer, error::EngineError, flows::KnownFlow, journal, lease::Lease, places::Places,
    purse::Purse, runtime::Runtime,
};
use allowance::{Holdings, Leaving};
use book::{Book, Closed};
use call::{Call, CallEnd};
use caution::Caution;
use open::OpenStep;

/// How long a run keeps its worker while others wait. It runs at least one step whatever that
/// takes: a run that is given back as it came would be claimed and given back for ever.
const TURN: Duration = Duration::from_millis(500);

/// Why a driver lets go of a run without having closed it.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else owns the run, or the lease is over.
    Fenced,
    /// The store does not answer.
    Store(StoreError),
    /// The store refuses the run's values.
    Poison(String),
    /// The journal does not read back.
    Corrupt(String),
}

impl Stop {
    fn erased(digest: &Digest) -> Self {
        Self::Corrupt(format!("a payload the run needs is gone: {digest}"))
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fenced => f.write_str("another worker owns the run"),
            Self::Store(error) => error.fmt(f),
            Self::Poison(why) | Self::Corrupt(why) => f.write_str(why),
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<FoldError> for Stop {
    fn from(error: FoldError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<NotCanonical> for Stop {
    fn from(error: NotCanonical) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

/// How a driver closed a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driven {
    /// It waits for something outside.
    Parked,
    /// It went back to the queue.
    Released,
    /// It ended.
    Ended,
}

/// What came of a run in which nothing is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// It is no longer ours.
    Closed(Driven),
    /// Something changed: there is more to do at once.
    Moved,
    /// Only an event from outside the engine can move it.
    Still,
}

/// What a worker wants of its drivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Wish {
    /// Go on.
    #[default]
    Drive,
    /// Others wait: give the run back between steps.
    Yield,
    /// The worker stops: give the run back as soon as nothing is under way.
    Drain,
}

/// What a worker lends to each of its drivers.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) committer: Committer,
    pub(crate) lease: Arc<Lease>,
    pub(crate) wish: watch::Receiver<Wish>,
    pub(crate) nudges: Arc<Nudges>,
    pub(crate) places: Arc<Places>,
    pub(crate) purse: Arc<Purse>,
}

/// Wake-ups inside the process. They only save time: each loop also looks by itself.
#[derive(Debug, Default)]
pub(crate) struct Nudges {
    /// Something may be ready to be claimed.
    pub(crate) claim: Notify,
    /// A timer was set.
    pub(crate) timers: Notify,
    /// A message to others was written.
    pub(crate) outbox: Notify,
}

/// The driver of one run.
pub(crate) struct Drive {
    desk: Desk,
    flow: KnownFlow,
    book: Book,
    open: BTreeMap<StepKey, OpenStep>,
    /// Admitted calls that wait for what came before them to be durable.
    waiting_calls: Vec<Call>,
    /// Calls for which the process has not leased enough of a shared cap.
    wanting: Vec<Call>,
    /// What the run holds of shared caps.
    holdings: Holdings,
    calls: JoinSet<(Box<Call>, CallEnd)>,
    /// What calls in flight may use at worst.
    drawn: BTreeMap<EffectPosition, Spend>,
    /// How many calls of each step are under way.
    calling: BTreeMap<StepKey, usize>,
    /// Whether an action's outcome is not yet durable: it rides with the step's end, or goes alone
    /// when the step goes on.
    acted: bool,
    /// Whether something must be durable before the code sees more.
    commit_due: bool,
    /// Told when the run's inbox moved.
    inbox: Arc<Notify>,
    /// Told when a foreign waker fires.
    woken: Arc<Notify>,
    /// Messages that came with the claim, until they are received: there were no others.
    mail: Option<Vec<InboxRow>>,
    /// Crashes in a row, as of the claim.
    crashes: u32,
    /// Whether something came that may end what holds a step: mail, or room in the budget.
    ask_again_due: bool,
    /// Ends calls that only read, once nobody will see their answers.
    reads: CancellationToken,
    /// What waits because the run was taken over early.
    caution: Caution,
    /// Why a due step may not start: the run nests too deep, or its router left its set.
    refused: Option<Wait>,
    /// When it began, on the clock that knows no suspend.
    began: Duration,
    /// How many steps it has started since.
    steps: u32,
}

impl Drive {
    /// Opens the books of a claimed run.
    pub(crate) async fn open(
        desk: Desk,
        flow: KnownFlow,
        mut claimed: ClaimedRun,
        inbox: Arc<Notify>,
    ) -> Result<Self, Stop> {
        let run_id = claimed.run.run_id;
        desk.runtime.fetch_fold(run_id, &mut claimed.journal).await?;
        let (run, head) = journal::fold_with_head(run_id, &claimed.journal, &flow.wiring)?;
        let began = desk.runtime.clock.boot();
        let book =
            Book::new(&desk, flow.wiring.clone(), run, (claimed.run.epoch, head), &claimed.journal);
        Ok(Self {
            desk,
            flow,
            book,
            open: BTreeMap::new(),
            waiting_calls: Vec::new(),
            wanting: Vec::new(),
            holdings: Holdings::default(),
            calls: JoinSet::new(),
            drawn: BTreeMap::new(),
            calling: BTreeMap::new(),
            acted: false,
            commit_due: false,
            inbox,
            woken: Arc::default(),
            mail: Some(claimed.inbox),
            crashes: claimed.run.crashes,
            ask_again_due: false,
            reads: CancellationToken::new(),
            caution: Caution::new(began, claimed.reads_only_for),
            refused: None,
            began,
            steps: 0,
        })
    }

    /// Drives the run until it parks, is given back, or ends.
    pub(crate) async fn run(&mut self) -> Result<Driven, Stop> {
        let driven = self.drive().await;
        self.leave_allowance(if driven.is_ok() { Leaving::Closed } else { Leaving::Dropped });
        driven
    }

    async fn drive(&mut self) -> Result<Driven, Stop> {
        if let Some(driven) = self.follow_journal().await? {
            return Ok(driven);
        }
        let was_ending = self.book.run.ending.is_some();
        let asked_again = self.receive().await?;
        let spoken_to = asked_again || self.book.run.ending.is_some() != was_ending;
        if self.crashes >= self.desk.runtime.options.crashes && !spoken_to {
            let crashes = self.crashes;
            return self.close_for(Wait::Quarantine { crashes }).await;
        }
        self.go_on(asked_again).await
    }

    async fn go_on(&mut self, asked_again: bool) -> Result<Driven, Stop> {
        if self.book.run.ending.is_some() {
            self.let_go()?;
        }
        if let Some(wait) = self.reopen(asked_again).await? {
            return self.close_for(wait).await;
        }
        loop {
            if !self.desk.lease.holds(self.desk.runtime.clock.boot()) {
                return Err(Stop::Fenced);
            }
            if self.book.run.ending.is_some() && !self.book.run.unwinding {
                self.begin_unwinding()?;
            }
            if let Some(driven) = self.maybe_yield().await? {
                return Ok(driven);
            }
            self.ask_what_waited().await?;
            self.start_ready().await?;
            let moved = self.turn().await?;
            let moved = self.lease_what_is_wanted().await? || moved;
            // An action's outcome that did not end its step is not left to the next crash.
            self.commit_due |= std::mem::take(&mut self.acted) && self.book.has_unsaved();
            if std::mem::take(&mut self.commit_due) && !self.is_done() {
                self.book.commit().await?;
                self.send_waiting()?;
                continue;
            }
            if moved {
                continue;
            }
            self.send_waiting()?;
            if self.commit_due {
                continue;
            }
            let rest = if self.calls.is_empty() { self.at_rest().await? } else { Rest::Still };
            match rest {
                Rest::Closed(driven) => return Ok(driven),
                Rest::Moved => {}
                Rest::Still => self.next_event().await?,
            }
        }
    }

    /// Waits for whatever comes first: an effect's end, a message, a waker, a timeout, a wish.
    async fn next_event(&mut self) -> Result<(), Stop> {
        let clock = self.desk.runtime.clock.clone();
        let caution = self.caution.left(clock.boot()).filter(|_| self.caution.holds_a_step());
        let timeout = self.next_timeout().into_iter().chain(caution).min();
        let timer = async {
            match timeout {
                Some(span) => clock.sleep(span).await,
                None => std::future::pending().await,
            }
        };
        let mut wish = self.desk.wish.clone();
        wish.mark_unchanged();
        tokio::select! {
            biased;
            () = self.desk.lease.lost() => return Err(Stop::Fenced),
            Some(ended) = self.calls.join_next() => {
                if let Ok((call, end)) = ended {
                    self.call_ended(*call, end)?;
                }
            }
            () = self.inbox.notified() => { self.receive().await?; }
            () = self.woken.notified() => {}
            () = timer => self.expire_steps()?,
            Ok(()) = wish.changed() => {}
        }
        Ok(())
    }

    /// Journals the receipt of every message that is there. Returns whether a person asked a
    /// stopped run to go on.
    async fn receive(&mut self) -> Result<bool, Stop> {
        let mut asked_again = false;
        let request =
            InboxRequest { run_id: self.book.run.run_id, after: self.book.run.inbox_seen };
        let mail = match self.mail.take() {
            Some(mail) => mail,
            None => self.desk.runtime.store.inbox(request).await?,
        };
        for row in mail {
            if row.position <= self.book.run.inbox_seen {
                continue;
            }
            asked_again |= matches!(row.body, InboxBody::RetryRequested { .. });
            self.book.keep(&row);
            let entry = Entry::Received { inbox: row.position, message: row.body };
            self.book.push(&entry, row.payloads)?;
            self.ask_again_due = true;
        }
        Ok(asked_again)
    }

    /// Parks. If somebody spoke to the run in the meantime, it goes back to the queue, and the next
    /// claim begins with what was said.
    async fn close(&mut self, wait: WaitSet) -> Result<Driven, Stop> {
        match self.book.park(wait).await? {
            Closed::Yes => Ok(Driven::Parked),
            Closed::InboxMoved => {
                self.book.release().await?;
                Ok(Driven::Released)
            }
        }
    }

    /// Returns the calls that are not sent yet.
    fn unsent(&self) -> impl Iterator<Item = &Call> {
        self.waiting_calls.iter().chain(&self.wanting)
    }

    /// Every step is over: its end rides with the last step's.
    fn is_done(&self) -> bool {
        let idle = self.open.is_empty() && self.calls.is_empty() && self.unsent().next().is_none();
        idle && self.book.run.ending.is_none() && self.book.run.is_at_rest()
    }

    /// Decides what becomes of a run in which nothing is under way.
    async fn at_rest(&mut self) -> Result<Rest, Stop> {
        if *self.desk.wish.borrow() == Wish::Drain {
            self.book.release().await?;
            return Ok(Rest::Closed(Driven::Released));
        }
        if self.caution.holds_a_step() {
            return Ok(Rest::Still);
        }
        if std::mem::take(&mut self.ask_again_due) && self.ask_again().await? {
            return Ok(Rest::Moved);
        }
        if self.book.run.unwinding {
            return self.unwind().await;
        }
        if self.may_start() {
            return Ok(Rest::Moved);
        }
        if self.book.run.is_at_rest() {
            return self.end().await;
        }
        self.park().await
    }

    /// Gives the run back between steps when others wait and it had its turn.
    async fn maybe_yield(&mut self) -> Result<Option<Driven>, Stop> {
        let between_steps = self.steps > 0 && self.open.is_empty() && self.calls.is_empty();
        let turn = self.desk.runtime.clock.boot().saturating_sub(self.began);
        if between_steps && turn >= TURN && *self.desk.wish.borrow() == Wish::Yield {
            self.book.release().await?;
            return Ok(Some(Driven::Released));
        }
        Ok(None)
    }
}
