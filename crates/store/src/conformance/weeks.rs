//! Old weeks are dropped, and runs that outlive them go on under another id.

use std::time::Duration;

use mainstay_core::{
    digest::Digest,
    id::{RunId, SessionId},
    journal::{Entry, Head, JournalRow, Rehomed},
    label::Label,
    payload::Payload,
    rehome::last_rows,
    review::{Decision, ReviewOutcome},
    run::RunStatus,
    store::{
        operation::{
            CreatedRun, DecideReview, Decided, Delivered, DropWeek, DroppedWeek, FireTimers,
            HoldDuty, JournalRequest, LendPayloads, NewRun, PayloadRequest, Rehome, Rehoming, Term,
            WeekRuns,
        },
        row::{IndexFilter, ReviewFilter},
        week::UPKEEP,
    },
    time::Timestamp,
    wait::WaitMode,
    week::Week,
};

use super::{
    Failure, Owner, Verdict, World, equal, holds, joined, owner::for_signal, reviews::request,
    world::signal,
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl World {
    /// Writes the move of a parked run to a new id, as one who has seen `inbox_seen` messages.
    pub(super) fn a_move(&self, owner: &Owner, inbox_seen: u64) -> Result<Rehome, Failure> {
        let unwritten = |e: mainstay_core::digest::NotCanonical| Failure(e.to_string());
        let fold = Payload::from_bytes(vec![b'f'; 5_000]);
        let entry = Entry::Rehomed(Box::new(Rehomed {
            from: owner.run_id,
            head: owner.head.hash,
            fold: fold.reference(Label::default()),
        }));
        let (to, at, epoch) = (self.run_id(), self.now(), owner.epoch + 1);
        let first = JournalRow::after(Head::EMPTY, to, epoch, at, &entry, vec![fold]);
        let first = first.map_err(unwritten)?;
        let claimer = (self.session_id(), self.nonce());
        let old = (owner.run_id, owner.head, owner.epoch);
        let rows = last_rows(old, claimer, at, (to, &first)).map_err(unwritten)?;
        let (run_id, head, epoch) = old;
        Ok(Rehome { run_id, epoch, head, inbox_seen, rows, to, first })
    }

    async fn moved(&self, owner: &Owner, inbox_seen: u64) -> Result<Owner, Failure> {
        let wish = self.a_move(owner, inbox_seen)?;
        let done = self.store.rehome(Box::new(wish.clone())).await?;
        equal("a move", done, Rehoming::Done)?;
        let head = wish.first.own_head();
        Ok(Owner { run_id: wish.to, session: None, epoch: wish.epoch + 1, head })
    }

    async fn parked(&self) -> Result<Owner, Failure> {
        let mut owner = self.owned().await?;
        owner.accept(&*self.store, owner.park_for_signal(0)?).await?;
        Ok(owner)
    }

    async fn upkeep(&self) -> Result<Term, Failure> {
        let term = self.store.hold(duty(self.session_id())).await?;
        term.ok_or_else(|| Failure("the duty is free and was not given".to_owned()))
    }

    async fn drop_week(&self, week: Week, term: Term) -> Result<DroppedWeek, Failure> {
        Ok(self.store.drop_week(DropWeek { week, term, limit: u32::MAX }).await?)
    }

    async fn kinds(&self, run_id: RunId) -> Result<Vec<String>, Failure> {
        let whole = JournalRequest { run_id, from: 1, limit: u32::MAX };
        let rows = self.store.journal(whole).await?;
        Ok(rows.into_iter().map(|row| row.kind).collect())
    }
}

fn duty(holder: SessionId) -> HoldDuty {
    HoldDuty { duty: UPKEEP.to_owned(), holder, span: Duration::from_secs(60) }
}

pub(super) async fn a_run_that_moved_goes_on_under_its_new_id(world: World) -> Verdict {
    let old = world.parked().await?;
    let before = world.row(old.run_id).await?;
    world.clock.advance(5 * WEEK);
    let new = world.moved(&old, 0).await?;
    let row = world.row(new.run_id).await?;
    equal("the week", Week::of(new.run_id), Week::at(world.now()))?;
    equal("the epoch", row.epoch, before.epoch + 1)?;
    equal("where loading starts", row.checkpoint, 1)?;
    let same = (row.status, row.wait.clone(), row.flow.clone(), row.tenant.clone(), row.inbox_head);
    equal(
        "what stays",
        same,
        (before.status, before.wait, before.flow, before.tenant, before.inbox_head),
    )?;
    let kinds = world.kinds(old.run_id).await?;
    let ends: Vec<_> = kinds.iter().rev().take(2).rev().map(String::as_str).collect();
    equal("the old journal's end", ends, vec!["claimed", "moved"])?;
    equal("the new journal", world.kinds(new.run_id).await?, vec!["rehomed".to_owned()])?;
    world.tell(new.run_id, "go").await?;
    let claimed = world.claim(world.open().await?).await?;
    equal("the claimed run", claimed.run.run_id, new.run_id)?;
    let kinds: Vec<_> = claimed.journal.iter().map(|row| row.kind.as_str()).collect();
    equal("what its owner loads", kinds, vec!["rehomed", "claimed"])?;
    let mut owner = Owner::of(&claimed);
    owner.accept(&*world.store, owner.finish(1)?).await?;
    equal("its end", world.row(old.run_id).await?.status, RunStatus::Completed)
}

pub(super) async fn an_id_that_moved_leads_to_the_run(world: World) -> Verdict {
    let first = world.parked().await?;
    let second = world.moved(&first, 0).await?;
    let third = world.moved(&second, 0).await?;
    for known_as in [first.run_id, second.run_id, third.run_id] {
        equal("the row", world.row(known_as).await?.run_id, third.run_id)?;
    }
    let mut told = vec![world.tell(first.run_id, "one").await?];
    told.push(world.tell(second.run_id, "one").await?);
    told.push(world.tell(third.run_id, "two").await?);
    let wanted = vec![
        Delivered::Accepted { position: 1, woke: true },
        Delivered::Duplicate { position: 1 },
        Delivered::Accepted { position: 2, woke: false },
    ];
    equal("messages by every id", told, wanted)?;
    world.store.refresh_index(100).await?;
    let listed = world.store.list_runs(IndexFilter::default()).await?;
    let listed: Vec<_> = listed.into_iter().map(|row| row.run_id).collect();
    equal("the list", listed, vec![third.run_id])
}

pub(super) async fn what_a_run_waits_for_moves_with_it(world: World) -> Verdict {
    let mut old = world.owned().await?;
    let review = request(&world)?;
    let mut part = old.park(0, WaitMode::All, vec![for_signal(), for_signal(), for_signal()])?;
    part.reviews.push(review.clone());
    part.timers.push(("due".to_owned(), world.now().after(WEEK)));
    old.accept(&*world.store, part).await?;
    world.tell(old.run_id, "early").await?;
    let new = world.moved(&old, 1).await?;
    world.clock.advance(2 * WEEK);
    let fired = world.store.fire_timers(FireTimers { limit: 9 }).await?;
    equal("timers", fired.fired, 1)?;
    let outcome = ReviewOutcome::Decided {
        decision: Decision::Respond { text: "yes".to_owned() },
        by: "ada".to_owned(),
        at: Timestamp::default(),
    };
    let (review_id, subject_digest) = (review.review_id, review.subject_digest);
    let decision = DecideReview { review_id, subject_digest, outcome };
    let decided = world.store.decide(decision).await?;
    equal("the decision", decided, Decided::Counted(new.run_id))?;
    let of_run = world.store.reviews(ReviewFilter::OfRun(new.run_id)).await?;
    equal("its reviews", of_run.len(), 1)?;
    let claimed = world.claim(world.open().await?).await?;
    let keys: Vec<_> = claimed.inbox.iter().map(|message| message.key.as_str()).collect();
    let timer = format!("timer:due:{}", world.now().before(WEEK).micros());
    let review = format!("review:{review_id}");
    equal("its messages", keys, vec!["early", timer.as_str(), review.as_str()])
}

pub(super) async fn only_a_run_at_rest_as_it_was_seen_is_moved(world: World) -> Verdict {
    let mut running = world.owned().await?;
    let wish = world.a_move(&running, 0)?;
    equal("a running one", world.store.rehome(Box::new(wish)).await?, Rehoming::Missed)?;
    let park = running.park(0, WaitMode::All, vec![for_signal(), for_signal()])?;
    running.accept(&*world.store, park).await?;
    world.tell(running.run_id, "one").await?;
    let unread = world.store.rehome(Box::new(world.a_move(&running, 0)?)).await?;
    equal("one with mail that was not seen", unread, Rehoming::Missed)?;
    let behind = Owner { head: Head { position: 1, ..running.head }, ..running.clone() };
    let behind = world.store.rehome(Box::new(world.a_move(&behind, 1)?)).await?;
    equal("one whose journal is longer", behind, Rehoming::Missed)?;
    let mut taken = world.a_move(&running, 1)?;
    let other = world.start(world.new_run()?).await?;
    taken.to = other;
    equal("onto another run", world.store.rehome(Box::new(taken)).await?, Rehoming::Taken)?;
    let wish = world.a_move(&running, 1)?;
    equal("as it was seen", world.store.rehome(Box::new(wish.clone())).await?, Rehoming::Done)?;
    equal("once more", world.store.rehome(Box::new(wish)).await?, Rehoming::Missed)
}

pub(super) async fn a_run_that_moved_is_not_started_again(world: World) -> Verdict {
    let mut run = world.new_run()?;
    run.key = Some(("order-1".to_owned(), Digest::of(b"input")));
    let run_id = world.start(run.clone()).await?;
    let mut owner = Owner::of(&world.claim(world.open().await?).await?);
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    world.moved(&owner, 0).await?;
    let again = world.store.create_run(Box::new(run.clone())).await?;
    equal("by its key", again, CreatedRun::Exists(run_id))?;
    let again = world.store.create_run(Box::new(NewRun { key: None, ..run })).await?;
    equal("by its id", again, CreatedRun::Exists(run_id))
}

pub(super) async fn payloads_are_lent_to_the_new_id(world: World) -> Verdict {
    let mut old = world.owned().await?;
    let large = Payload::from_bytes(vec![b'p'; 9_000]);
    old.accept(&*world.store, old.step_with(&large)?).await?;
    old.accept(&*world.store, old.park_for_signal(0)?).await?;
    world.clock.advance(5 * WEEK);
    let wish = world.a_move(&old, 0)?;
    let digests = vec![large.digest(), Digest::of(b"gone"), large.digest()];
    for _ in 0..2 {
        let digests = digests.clone();
        let lent = LendPayloads { from: old.run_id, to: wish.to, digests };
        equal("payloads that are there", world.store.lend_payloads(lent).await?, 1)?;
    }
    let to = wish.to;
    equal("a move", world.store.rehome(Box::new(wish)).await?, Rehoming::Done)?;
    for run_id in [old.run_id, to] {
        let wanted = vec![(large.digest(), 1)];
        let found = world.store.payloads(PayloadRequest { run_id, wanted }).await?;
        holds("it reads back under either id", found == vec![large.clone()])?;
    }
    Ok(())
}

pub(super) async fn no_message_is_lost_to_a_move(world: World) -> Verdict {
    for round in 0..12 {
        let owner = world.parked().await?;
        let wish = Box::new(world.a_move(&owner, 0)?);
        let message = signal(owner.run_id, "go")?;
        let (one, two) = (world.store.clone(), world.store.clone());
        let telling = tokio::spawn(async move { one.deliver(message).await });
        let moving = tokio::spawn(async move { two.rehome(wish).await });
        let moved = joined(moving).await??;
        let told = joined(telling).await??;
        let woke = Delivered::Accepted { position: 1, woke: true };
        equal(&format!("round {round}: the message ({moved:?})"), told, woke)?;
        let row = world.row(owner.run_id).await?;
        equal("it was woken", row.status, RunStatus::Queued)?;
        let claimed = world.claim(world.open().await?).await?;
        equal("and can be claimed", claimed.run.run_id, row.run_id)?;
        equal("with its mail", claimed.inbox.len(), 1)?;
    }
    Ok(())
}

pub(super) async fn a_duty_has_one_holder_at_a_time(world: World) -> Verdict {
    let (ada, bob) = (world.session_id(), world.session_id());
    equal("the first", world.store.hold(duty(ada)).await?, Some(1))?;
    equal("another", world.store.hold(duty(bob)).await?, None)?;
    world.clock.advance(Duration::from_secs(59));
    equal("the first again", world.store.hold(duty(ada)).await?, Some(1))?;
    world.clock.advance(Duration::from_secs(59));
    equal("it holds", world.store.hold(duty(bob)).await?, None)?;
    world.clock.advance(Duration::from_secs(1));
    equal("until it has passed", world.store.hold(duty(bob)).await?, Some(2))?;
    let gone = world.drop_week(Week::from_number(7), 1).await?;
    equal("what the first began", gone, DroppedWeek::Superseded)
}

pub(super) async fn an_old_week_is_dropped_as_a_whole(world: World) -> Verdict {
    let mut done = world.owned().await?;
    let large = Payload::from_bytes(vec![b'p'; 9_000]);
    done.accept(&*world.store, done.step_with(&large)?).await?;
    world.tell(done.run_id, "one").await?;
    done.accept(&*world.store, done.finish(1)?).await?;
    let waiting = world.parked().await?;
    let week = Week::of(done.run_id);
    world.clock.advance(3 * WEEK);
    let term = world.upkeep().await?;
    let young = world.start(world.new_run()?).await?;
    equal("weeks", world.store.weeks(Week::at(world.now())).await?, vec![week])?;
    equal("with a run that waits", world.drop_week(week, term).await?, DroppedWeek::Kept(1))?;
    let moved = world.moved(&waiting, 0).await?;
    let all = WeekRuns { week, after: None, limit: 9 };
    let runs = world.store.week_runs(all).await?;
    equal("its runs", runs, vec![done.run_id, waiting.run_id])?;
    equal("once it has moved", world.drop_week(week, term).await?, DroppedWeek::Gone)?;
    equal("the row", world.store.run(done.run_id).await?, None)?;
    equal("the journal", world.kinds(done.run_id).await?, vec![])?;
    equal("the one that moved", world.kinds(waiting.run_id).await?, vec![])?;
    let unknown = world.tell(done.run_id, "two").await?;
    equal("a message", unknown, Delivered::Unknown)?;
    world.store.refresh_index(100).await?;
    let listed = world.store.list_runs(IndexFilter::default()).await?;
    let listed: Vec<_> = listed.into_iter().map(|row| row.run_id).collect();
    let mut young = vec![young, moved.run_id];
    young.sort_unstable_by(|a, b| b.cmp(a));
    equal("the list", listed, young)?;
    equal("weeks", world.store.weeks(Week::at(world.now())).await?, vec![])?;
    equal("it leads on", world.row(waiting.run_id).await?.run_id, moved.run_id)?;
    equal("unexplained", world.store.unexplained(()).await?, vec![])
}

pub(super) async fn a_week_goes_in_bounded_pieces(world: World) -> Verdict {
    for _ in 0..3 {
        let mut owner = world.owned().await?;
        world.tell(owner.run_id, "one").await?;
        owner.accept(&*world.store, owner.finish(1)?).await?;
    }
    let week = Week::at(world.now());
    world.clock.advance(3 * WEEK);
    let term = world.upkeep().await?;
    for _ in 0..99 {
        let dropped = world.store.drop_week(DropWeek { week, term, limit: 2 }).await?;
        if dropped == DroppedWeek::Gone {
            return equal("weeks", world.store.weeks(Week::at(world.now())).await?, vec![]);
        }
        equal("a piece", dropped, DroppedWeek::More)?;
    }
    Err(Failure("it never ends".to_owned()))
}

pub(super) async fn a_key_leads_to_a_run_whose_week_is_gone(world: World) -> Verdict {
    let mut run = world.new_run()?;
    run.key = Some(("order-1".to_owned(), Digest::of(b"input")));
    let run_id = world.start(run.clone()).await?;
    let mut owner = Owner::of(&world.claim(world.open().await?).await?);
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    world.clock.advance(3 * WEEK);
    let moved = world.moved(&owner, 0).await?;
    let term = world.upkeep().await?;
    let week = Week::of(run_id);
    equal("the week", world.drop_week(week, term).await?, DroppedWeek::Gone)?;
    let mut again = world.new_run()?;
    again.key = run.key;
    let again = world.store.create_run(Box::new(again)).await?;
    equal("the key", again, CreatedRun::Exists(run_id))?;
    equal("leads to", world.row(run_id).await?.run_id, moved.run_id)
}

pub(super) async fn there_is_room_before_a_week_begins(world: World) -> Verdict {
    world.clock.advance(9 * WEEK);
    let made = world.store.make_weeks(()).await?;
    holds("for the next week", made >= Week::at(world.now()).next())?;
    let run_id = world.start(world.new_run()?).await?;
    let claimed = world.claim(world.open().await?).await?;
    equal("its run", claimed.run.run_id, run_id)
}
