//! Draws operations that make sense often enough, and no sense often enough.

mod allowance;
mod parts;
mod weeks;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use mainstay_core::{
    digest::Digest,
    flow::{FlowDefinition, FlowVersion},
    id::{RunId, SessionId},
    inbox::InboxBody,
    review::{Decision, ReviewOutcome, ReviewRequest},
    store::{
        StoreError,
        operation::{
            Append, Appended, BeatRequest, ClaimRequest, CreatedRun, Death, DecideReview, Delivery,
            FireTimers, InboxRequest, JournalRequest, OpenSession, Operation, PayloadRequest,
            Reply, RowChange, TakeOver, Term,
        },
        row::{OutboxRow, ReviewFilter},
    },
    time::Timestamp,
};

use super::{
    super::{
        Draw, Failure, Owner, World,
        world::{LEASE, lane, signal},
    },
    listing,
};

/// What the workers, people and clocks of a sequence know.
pub(super) struct Generator {
    draw: Draw,
    sessions: Vec<SessionId>,
    runs: Vec<RunId>,
    /// Views of runs by those that claimed them, true or not any more.
    owners: BTreeMap<RunId, Owner>,
    /// How far each owner has read its run's inbox.
    read: BTreeMap<RunId, u64>,
    stale: Vec<Owner>,
    last_append: Vec<Append>,
    reviews: Vec<ReviewRequest>,
    outbox: Vec<OutboxRow>,
    payloads: Vec<(RunId, Digest, u64)>,
    queued: VecDeque<Operation>,
    /// Runs that rest, as those that parked or moved them left them, and how far their inbox was.
    rests: BTreeMap<RunId, (Owner, u64)>,
    term: Term,
}

impl Generator {
    /// Starts from a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            draw: Draw::new(seed),
            sessions: Vec::new(),
            runs: Vec::new(),
            owners: BTreeMap::new(),
            read: BTreeMap::new(),
            stale: Vec::new(),
            last_append: Vec::new(),
            reviews: Vec::new(),
            outbox: Vec::new(),
            payloads: Vec::new(),
            queued: VecDeque::new(),
            rests: BTreeMap::new(),
            term: 0,
        }
    }

    /// Returns every run that was started.
    pub(super) fn runs(&self) -> &[RunId] {
        &self.runs
    }

    /// Draws the next operation; the clock may move before it.
    pub(super) fn next(&mut self, world: &World) -> Result<Operation, Failure> {
        match self.queued.pop_front() {
            Some(operation) => Ok(operation),
            None => self.fresh(world),
        }
    }

    fn fresh(&mut self, world: &World) -> Result<Operation, Failure> {
        if self.draw.one_in(12) {
            world.clock.advance(Duration::from_millis(self.draw.below(4_000)));
        }
        Ok(match self.draw.below(100) {
            0..12 => self.create_run(world)?,
            12..26 => self.claim(world),
            26..58 => self.append(world)?,
            58..68 => self.deliver(world)?,
            68..73 => self.session(world),
            73..78 => self.end_of_session(world),
            78..81 => Operation::FireTimers(FireTimers { limit: 1 + self.small(4) }),
            81..85 => self.decide(world),
            85..88 => self.outbox(),
            88..92 => self.week(world)?,
            92..95 => self.allowance(world),
            _ => self.read(world),
        })
    }

    fn small(&mut self, bound: u64) -> u32 {
        u32::try_from(self.draw.below(bound)).unwrap_or(0)
    }

    fn few(&mut self, bound: u64) -> usize {
        usize::try_from(self.draw.below(bound)).unwrap_or(0)
    }

    fn a_lane(&mut self) -> FlowVersion {
        lane(if self.draw.one_in(4) { "other" } else { "desk" })
    }

    fn a_session(&mut self, world: &World) -> SessionId {
        let known = self.draw.pick(&self.sessions).copied();
        known.filter(|_| !self.draw.one_in(20)).unwrap_or_else(|| world.session_id())
    }

    fn a_run(&mut self, world: &World) -> RunId {
        let known = self.draw.pick(&self.runs).copied();
        known.filter(|_| !self.draw.one_in(20)).unwrap_or_else(|| world.run_id())
    }

    fn create_run(&mut self, world: &World) -> Result<Operation, Failure> {
        let tenant = if self.draw.one_in(3) { "globex" } else { "acme" };
        let mut run = world.new_run_of(&self.a_lane(), tenant)?;
        if self.draw.one_in(2) {
            let input = Digest::of(&[u8::from(self.draw.one_in(3))]);
            run.key = Some((format!("order-{}", self.draw.below(20)), input));
        }
        if self.draw.one_in(5) {
            run.priority = 5;
        }
        if self.draw.one_in(10) {
            run.run_id = self.a_run(world);
        } else if self.draw.one_in(12) {
            run.run_id = self.an_old_id(world);
        }
        if self.draw.one_in(40) {
            run.tags.push('\0');
        }
        Ok(Operation::CreateRun(Box::new(run)))
    }

    fn claim(&mut self, world: &World) -> Operation {
        let session = self.a_session(world);
        let limit = self.few(4);
        let mut wish: ClaimRequest = world.wish(session, limit);
        if self.draw.one_in(2) {
            wish.lanes = vec![lane("other"), lane("desk")];
        }
        if self.draw.one_in(8) {
            wish.only = Some(self.a_run(world));
        }
        Operation::Claim(wish)
    }

    fn deliver(&mut self, world: &World) -> Result<Operation, Failure> {
        let run_id = self.a_run(world);
        let mut message: Delivery = signal(run_id, &format!("m{}", self.draw.below(12)))?;
        match self.draw.below(8) {
            0 => message.body = InboxBody::RetryRequested { by: "ada".to_owned() },
            1 => message.payloads.push(parts::bytes(9_000, self.draw.next())),
            2 if self.draw.one_in(6) => message.key.push('\0'),
            _ => {}
        }
        Ok(Operation::Deliver(message))
    }

    fn session(&mut self, world: &World) -> Operation {
        if self.sessions.len() < 2 || self.draw.one_in(3) {
            let session =
                if self.draw.one_in(8) { self.a_session(world) } else { world.session_id() };
            let lanes = vec![lane("desk"), lane("other")];
            let name = "host/1".to_owned();
            return Operation::OpenSession(OpenSession {
                session,
                name,
                lanes,
                lease: LEASE,
                proof: None,
            });
        }
        let session = self.a_session(world);
        let draining = self.draw.one_in(10);
        Operation::Beat(BeatRequest { session, lease: LEASE, draining })
    }

    fn end_of_session(&mut self, world: &World) -> Operation {
        let session = self.a_session(world);
        match self.draw.below(6) {
            0 => Operation::CloseSession(session),
            1 => Operation::Revoke(session),
            2 => Operation::TakeOver(self.takeover(session)),
            3 => {
                let takeover = self.takeover(session);
                self.queued.push_back(Operation::TakeOver(takeover));
                Operation::Revoke(session)
            }
            _ => Operation::Beat(BeatRequest { session, lease: LEASE, draining: false }),
        }
    }

    fn takeover(&mut self, session: SessionId) -> TakeOver {
        let death = if self.draw.one_in(2) { Death::Proved } else { Death::Presumed };
        TakeOver { session, death }
    }

    fn decide(&mut self, world: &World) -> Operation {
        let known = self.draw.pick(&self.reviews).cloned();
        let right = !self.draw.one_in(5);
        let (review_id, digest) =
            known.map_or((world.review_id(), Digest::ZERO), |r| (r.review_id, r.subject_digest));
        let outcome = if self.draw.one_in(4) {
            ReviewOutcome::Expired
        } else {
            let decision = Decision::Respond { text: format!("{}", self.draw.below(9)) };
            ReviewOutcome::Decided { decision, by: "ada".to_owned(), at: Timestamp::default() }
        };
        let subject_digest = if right { digest } else { Digest::of(b"other") };
        Operation::Decide(DecideReview { review_id, subject_digest, outcome })
    }

    fn outbox(&mut self) -> Operation {
        if self.outbox.is_empty() || self.draw.one_in(2) {
            return Operation::Outbox(u32::MAX);
        }
        let some = self.few(3) + 1;
        Operation::OutboxDone(self.outbox.iter().take(some).cloned().collect())
    }

    fn read(&mut self, world: &World) -> Operation {
        let run_id = self.a_run(world);
        match self.draw.below(13) {
            0 => Operation::Run(run_id),
            1 => Operation::Inbox(InboxRequest { run_id, after: self.draw.below(4) }),
            2 | 3 => {
                let from = 1 + self.draw.below(6);
                Operation::Journal(JournalRequest { run_id, from, limit: self.small(9) })
            }
            4 | 5 => self.some_payloads(run_id),
            6 => Operation::Reviews(ReviewFilter::Open(self.small(5))),
            7 => Operation::Reviews(ReviewFilter::OfRun(run_id)),
            8 => Operation::Sessions(()),
            9 => Operation::Unexplained(()),
            10 => self.a_flow(),
            11 if self.draw.one_in(2) => Operation::RebuildIndex(()),
            _ => {
                let [refresh, list] = listing(self.draw.next());
                self.queued.push_back(list);
                refresh
            }
        }
    }

    fn some_payloads(&mut self, run_id: RunId) -> Operation {
        let wanted = match self.draw.pick(&self.payloads) {
            Some((of, digest, at)) => (*of, vec![(*digest, *at), (Digest::ZERO, *at)]),
            None => (run_id, vec![(Digest::ZERO, 1)]),
        };
        Operation::Payloads(PayloadRequest { run_id: wanted.0, wanted: wanted.1 })
    }

    fn a_flow(&mut self) -> Operation {
        self.queued.push_back(Operation::Flows(()));
        Operation::RegisterFlow(FlowDefinition {
            name: format!("flow{}", self.draw.below(3)),
            version: 1 + self.small(2),
            description: String::new(),
            state_schema: serde_json::json!({"title": self.draw.below(2)}),
            steps: Vec::new(),
        })
    }

    /// Remembers what the model answered, as the ones who asked would.
    pub(super) fn learn(&mut self, operation: &Operation, reply: &Result<Reply, StoreError>) {
        let Ok(reply) = reply else { return };
        match (operation, reply) {
            (Operation::CreateRun(run), Reply::CreateRun(CreatedRun::Created)) => {
                self.runs.push(run.run_id);
            }
            (Operation::OpenSession(open), _) => self.sessions.push(open.session),
            (Operation::Outbox(_), Reply::Outbox(rows)) => self.outbox = rows.clone(),
            (Operation::Hold(_), Reply::Hold(Some(term))) => self.term = *term,
            (Operation::Rehome(wish), Reply::Rehome(moved)) => self.learn_move(wish, *moved),
            (Operation::Claim(_), Reply::Claim(claimed)) => {
                for claimed in claimed {
                    let run_id = claimed.run.run_id;
                    self.stale.extend(self.owners.insert(run_id, Owner::of(claimed)));
                    self.read.insert(run_id, claimed.run.inbox_head);
                }
            }
            (Operation::Append(parts), Reply::Append(answers)) => {
                self.last_append.clone_from(parts);
                for (part, answer) in parts.iter().zip(answers) {
                    self.learn_part(part, answer);
                }
            }
            _ => {}
        }
    }

    fn learn_part(&mut self, part: &Append, answer: &Appended) {
        match answer {
            Appended::Accepted => {
                self.reviews.extend(part.reviews.iter().cloned());
                for row in part.rows.iter() {
                    let of_row =
                        row.payloads.iter().map(|p| (part.run_id, p.digest(), row.position));
                    self.payloads.extend(of_row);
                }
                if let Some(owner) = self.owners.get_mut(&part.run_id) {
                    let head = owner.head;
                    owner.head =
                        part.rows.iter().fold(head, |head, row| row.head(part.run_id, head));
                    if let RowChange::Park { inbox_seen, .. } = part.change {
                        self.rests.insert(part.run_id, (owner.clone(), inbox_seen));
                    }
                }
            }
            Appended::InboxMoved { head } => {
                self.read.insert(part.run_id, *head);
            }
            Appended::Fenced { .. } => self.stale.extend(self.owners.remove(&part.run_id)),
            Appended::Poison(_) => {}
        }
    }
}
