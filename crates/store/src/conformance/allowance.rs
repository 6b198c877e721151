//! Shared caps: what is given out is counted, whoever dies with it.

use mainstay_core::{
    allowance::{AccountKey, Period},
    budget::{Limits, Spend},
    id::SessionId,
    store::operation::{
        AccountRow, AccountsAt, Death, LeaseChunk, Leased, Lent, ReportChunk, Reported,
    },
    time::Timestamp,
};

use super::{Failure, Verdict, World, absent, equal, holds, joined, world::LEASE};

/// A cap of a thousand micro-dollars.
const LIMIT: u64 = 1_000;

fn usd(usd: u64) -> Spend {
    Spend { usd, ..Spend::ZERO }
}

fn account(world: &World) -> AccountKey {
    let period = Period::Day;
    AccountKey { scope: "tenant=acme".to_owned(), period, begins: period.begins(world.now()) }
}

async fn lease(
    world: &World,
    session: SessionId,
    spent: u64,
    need: u64,
) -> Result<Leased, Failure> {
    let limits = Limits { usd: Some(LIMIT), ..Limits::none() };
    let (spent, need) = (usd(spent), usd(need));
    let wish = LeaseChunk { session, account: account(world), limits, spent, need, turn: 0 };
    Ok(world.store.lease_chunk(Box::new(wish)).await?)
}

async fn report(
    world: &World,
    session: SessionId,
    spent: u64,
    keep: u64,
) -> Result<Reported, Failure> {
    let (spent, keep) = (usd(spent), usd(keep));
    let report = ReportChunk { session, account: account(world), spent, keep, turn: 0 };
    Ok(world.store.report_chunk(report).await?)
}

async fn row(world: &World) -> Result<AccountRow, Failure> {
    let rows = world.store.accounts(AccountsAt { at: world.now() }).await?;
    rows.into_iter().next().ok_or_else(|| absent("the account"))
}

/// Given out, spent, held by those who live, lost with those who do not.
async fn stands(world: &World, what: &str, want: (u64, u64, u64, u64)) -> Verdict {
    let row = row(world).await?;
    let got = (row.tally.granted.usd, row.tally.spent.usd, row.held.usd, row.lost().usd);
    equal(what, got, want)
}

pub(super) async fn a_chunk_is_counted_as_it_is_given(world: World) -> Verdict {
    let (one, other) = (world.open().await?, world.open().await?);
    let granted = lease(&world, one, 0, 200).await?;
    equal("the need and a share of the rest", granted, Leased::Granted(usd(300)))?;
    stands(&world, "after one lease", (300, 0, 300, 0)).await?;
    equal("the other", lease(&world, other, 0, 650).await?, Leased::Granted(usd(656)))?;
    stands(&world, "after both", (956, 0, 956, 0)).await?;
    equal("more for the first", lease(&world, one, 100, 344).await?, Leased::Granted(usd(344)))?;
    stands(&world, "with what the first spent", (1_000, 100, 900, 0)).await
}

pub(super) async fn a_lease_that_does_not_fit_is_refused_and_changes_nothing(
    world: World,
) -> Verdict {
    let (one, other) = (world.open().await?, world.open().await?);
    lease(&world, one, 0, 900).await?;
    let Leased::Exhausted { exhausted, lent } = lease(&world, other, 0, 500).await? else {
        return holds("it is refused", false);
    };
    equal("the refusal", (exhausted.limit, exhausted.spent, exhausted.asked), (1_000, 912, 500))?;
    equal("the first may give it back", lent, Lent::ToOthers)?;
    stands(&world, "nothing changed", (912, 0, 912, 0)).await?;
    report(&world, one, 900, 900).await?;
    let refused = lease(&world, other, 0, 500).await?;
    let spent = matches!(refused, Leased::Exhausted { lent: Lent::ToNobody, .. });
    holds("and what is spent comes back from nobody", spent)
}

pub(super) async fn a_repeated_lease_or_report_counts_nothing_twice(world: World) -> Verdict {
    let session = world.open().await?;
    lease(&world, session, 0, 992).await?;
    let before = row(&world).await?;
    for _ in 0..3 {
        lease(&world, session, 0, 992).await?;
    }
    equal("leased again", row(&world).await?, before)?;
    for _ in 0..3 {
        equal("reported", report(&world, session, 40, 60).await?, Reported::Counted)?;
        stands(&world, "once", (60, 40, 20, 0)).await?;
    }
    equal("an older report", report(&world, session, 30, 50).await?, Reported::Counted)?;
    stands(&world, "what is spent stays spent", (50, 40, 10, 0)).await
}

pub(super) async fn what_a_dead_worker_did_not_report_counts_as_spent(world: World) -> Verdict {
    let (dead, other) = (world.open().await?, world.open().await?);
    lease(&world, dead, 0, 400).await?;
    report(&world, dead, 100, 400).await?;
    world.store.revoke(dead).await?;
    stands(&world, "revoked", (400, 100, 0, 300)).await?;
    equal("its report", report(&world, dead, 100, 100).await?, Reported::Over)?;
    equal("its lease", lease(&world, dead, 100, 500).await?, Leased::Over)?;
    world.take_over(dead, Death::Proved).await?;
    stands(&world, "taken over", (400, 100, 0, 300)).await?;
    let refused = lease(&world, other, 0, 601).await?;
    let lost = matches!(refused, Leased::Exhausted { lent: Lent::ToNobody, .. });
    holds("it does not come back", lost)?;
    equal("the rest", lease(&world, other, 0, 600).await?, Leased::Granted(usd(600)))
}

pub(super) async fn a_session_that_expired_gets_and_gives_nothing(world: World) -> Verdict {
    let session = world.open().await?;
    lease(&world, session, 0, 100).await?;
    let before = row(&world).await?.tally;
    world.clock.advance(LEASE);
    equal("a report", report(&world, session, 10, 10).await?, Reported::Over)?;
    equal("a lease", lease(&world, session, 10, 300).await?, Leased::Over)?;
    equal("unknown", lease(&world, world.session_id(), 0, 1).await?, Leased::Over)?;
    equal("nothing changed", row(&world).await?.tally, before)
}

pub(super) async fn a_closed_session_keeps_what_it_did_not_return(world: World) -> Verdict {
    let session = world.open().await?;
    lease(&world, session, 0, 992).await?;
    report(&world, session, 200, 300).await?;
    world.store.close_session(session).await?;
    stands(&world, "spent, and not returned", (300, 200, 0, 100)).await
}

pub(super) async fn a_new_period_is_a_new_account(world: World) -> Verdict {
    let session = world.open().await?;
    lease(&world, session, 0, 1_000).await?;
    let ends = account(&world).ends();
    world.clock.advance(ends.since(world.now()));
    equal("no account yet", world.store.accounts(AccountsAt { at: ends }).await?, vec![])?;
    let next = world.open().await?;
    equal("anew", lease(&world, next, 0, 992).await?, Leased::Granted(usd(993)))?;
    let before = Timestamp::from_micros(ends.micros() - 1);
    let old = world.store.accounts(AccountsAt { at: before }).await?;
    let old: Vec<_> = old.iter().map(|row| row.tally.granted).collect();
    equal("the old one is kept", old, vec![usd(1_000)])
}

pub(super) async fn what_was_given_up_as_lost_and_comes_late_is_refused(world: World) -> Verdict {
    let session = world.open().await?;
    let (day, limits) = (account(&world), Limits { usd: Some(LIMIT), ..Limits::none() });
    let wish = |need, turn| {
        let (account, need) = (day.clone(), usd(need));
        Box::new(LeaseChunk { session, account, limits, spent: Spend::ZERO, need, turn })
    };
    let late = ReportChunk {
        session,
        account: day.clone(),
        spent: Spend::ZERO,
        keep: Spend::ZERO,
        turn: 1,
    };
    world.store.lease_chunk(wish(200, 0)).await?;
    let granted = world.store.lease_chunk(wish(992, 2)).await?;
    equal("a wish after a report", granted, Leased::Granted(usd(993)))?;
    equal("that report", world.store.report_chunk(late).await?, Reported::Over)?;
    equal("a wish before it", world.store.lease_chunk(wish(1_000, 0)).await?, Leased::Over)?;
    stands(&world, "nothing of what is being spent went back", (993, 0, 993, 0)).await
}

pub(super) async fn racing_leases_never_pass_the_cap(world: World) -> Verdict {
    let mut sessions = Vec::new();
    for _ in 0..8 {
        sessions.push(world.open().await?);
    }
    let limits = Limits { usd: Some(LIMIT), ..Limits::none() };
    let tasks = sessions.into_iter().map(|session| {
        let (store, account) = (world.store.clone(), account(&world));
        tokio::spawn(async move {
            let mut got = Spend::ZERO;
            for _ in 0..12 {
                let (need, spent) = (got.plus(&usd(17)), got);
                let account = account.clone();
                let wish = LeaseChunk { session, account, limits, spent, need, turn: 0 };
                if let Leased::Granted(granted) = store.lease_chunk(Box::new(wish)).await? {
                    got = granted;
                }
            }
            Ok::<_, Failure>(got.usd)
        })
    });
    let mut all = 0;
    for task in tasks.collect::<Vec<_>>() {
        all += joined(task).await??;
    }
    holds("all of it was given out, but for what is too small", all > LIMIT - 17)?;
    equal("what each was told adds up", row(&world).await?.tally.granted.usd, all)?;
    holds("the cap", all <= LIMIT)
}
