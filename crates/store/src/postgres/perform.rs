//! Which operation is which function: one arm each.

use mainstay_core::{
    id::SessionId,
    store::operation::{Beat, BeatRequest, OpenSession, Operation as O, Reply},
    time::Timestamp,
};

use super::{
    allowance, append, claim, connect::Link, create, deliver, facts, failure::Failed, flows, index,
    migrate, outbox, read, rehome, reviews, sessions, shared::Shared, timers, unexplained, weeks,
};

/// Carries out one operation on one connection.
#[expect(clippy::too_many_lines, reason = "a table: one arm for each operation of the closed list")]
pub(super) async fn perform(
    link: &mut Link,
    shared: &Shared,
    operation: &O,
) -> Result<Reply, Failed> {
    Ok(match operation {
        O::Migrate(()) => Reply::Migrate(migrate(link, shared).await?),
        O::Facts(()) => {
            let address = link.address();
            Reply::Facts(facts::facts(link.bare().await?, shared, &address).await?)
        }
        O::RegisterFlow(flow) => {
            Reply::RegisterFlow(flows::register_flow(link.ready().await?, flow).await?)
        }
        O::Flows(()) => Reply::Flows(flows::flows(link.ready().await?).await?),
        O::OpenSession(session) => Reply::OpenSession(open_session(link, shared, session).await?),
        O::Beat(request) => Reply::Beat(beat(link, shared, request).await?),
        O::CloseSession(session) => Reply::CloseSession(
            sessions::close_session(link.ready().await?, shared, *session).await?,
        ),
        O::Sessions(()) => Reply::Sessions(sessions::sessions(link.ready().await?, shared).await?),
        O::Revoke(session) => Reply::Revoke(sessions::revoke(link.ready().await?, *session).await?),
        O::TakeOver(takeover) => {
            Reply::TakeOver(sessions::take_over(link.ready().await?, shared, *takeover).await?)
        }
        O::CreateRun(run) => {
            Reply::CreateRun(create::create_run(link.ready().await?, shared, run).await?)
        }
        O::Claim(request) => {
            Reply::Claim(claim::claim(link.ready().await?, shared, request).await?)
        }
        O::Append(parts) => {
            Reply::Append(append::append(link, shared, &parts.iter().collect::<Vec<_>>()).await?)
        }
        O::Run(run_id) => Reply::Run(read::run(link.ready().await?, *run_id).await?),
        O::Journal(request) => Reply::Journal(read::journal(link.ready().await?, *request).await?),
        O::Payloads(request) => {
            Reply::Payloads(read::payloads(link.ready().await?, request).await?)
        }
        O::Inbox(request) => Reply::Inbox(read::inbox(link.ready().await?, *request).await?),
        O::Deliver(delivery) => {
            Reply::Deliver(deliver::deliver(link.ready().await?, shared, delivery).await?)
        }
        O::FireTimers(request) => {
            Reply::FireTimers(timers::fire_timers(link.ready().await?, shared, *request).await?)
        }
        O::Outbox(limit) => {
            Reply::Outbox(outbox::outbox(link.ready().await?, shared, *limit).await?)
        }
        O::OutboxDone(rows) => {
            Reply::OutboxDone(outbox::outbox_done(link.ready().await?, rows).await?)
        }
        O::Reviews(filter) => Reply::Reviews(reviews::reviews(link.ready().await?, filter).await?),
        O::Decide(decision) => {
            Reply::Decide(reviews::decide(link.ready().await?, shared, decision).await?)
        }
        O::RefreshIndex(limit) => {
            Reply::RefreshIndex(index::refresh_index(link.ready().await?, shared, *limit).await?)
        }
        O::RebuildIndex(()) => {
            Reply::RebuildIndex(index::rebuild_index(link.ready().await?).await?)
        }
        O::ListRuns(filter) => {
            Reply::ListRuns(index::list_runs(link.ready().await?, filter).await?)
        }
        O::Unexplained(()) => {
            Reply::Unexplained(unexplained::unexplained(link.ready().await?).await?)
        }
        O::Hold(wish) => Reply::Hold(weeks::hold(link.ready().await?, shared, wish).await?),
        O::MakeWeeks(()) => Reply::MakeWeeks(
            shared.weeks.make_ahead(link.ready().await?, shared.simulated()).await?,
        ),
        O::Weeks(before) => Reply::Weeks(weeks::weeks(link.ready().await?, *before).await?),
        O::WeekRuns(wish) => Reply::WeekRuns(weeks::week_runs(link.ready().await?, wish).await?),
        O::LendPayloads(wish) => {
            Reply::LendPayloads(rehome::lend_payloads(link.ready().await?, shared, wish).await?)
        }
        O::Rehome(wish) => Reply::Rehome(rehome::rehome(link.ready().await?, shared, wish).await?),
        O::DropWeek(wish) => Reply::DropWeek(weeks::drop_week(link.ready().await?, wish).await?),
        O::LeaseChunk(wish) => {
            Reply::LeaseChunk(allowance::lease_chunk(link.ready().await?, shared, wish).await?)
        }
        O::ReportChunk(report) => {
            Reply::ReportChunk(allowance::report_chunk(link.ready().await?, shared, report).await?)
        }
        O::Accounts(wish) => {
            Reply::Accounts(allowance::accounts(link.ready().await?, shared, *wish).await?)
        }
    })
}

async fn migrate(link: &mut Link, shared: &Shared) -> Result<i64, Failed> {
    let version = migrate::migrate(link.bare().await?).await?;
    shared.weeks.make_ahead(link.ready().await?, shared.simulated()).await?;
    Ok(version)
}

async fn open_session(
    link: &mut Link,
    shared: &Shared,
    session: &OpenSession,
) -> Result<Timestamp, Failed> {
    let end = sessions::open_session(link.ready().await?, shared, session).await?;
    lock(link, session.session).await?;
    Ok(end)
}

/// A connection that was made again has lost the session's lock with the old one.
async fn beat(link: &mut Link, shared: &Shared, request: &BeatRequest) -> Result<Beat, Failed> {
    lock(link, request.session).await?;
    sessions::beat(link.ready().await?, shared, request).await
}

/// Takes the session's lock where it is not held yet. One that a dying connection still holds is
/// tried again with the next beat.
async fn lock(link: &mut Link, session: SessionId) -> Result<(), Failed> {
    if let Some(sql) = link.without_lock_of(session).await?
        && sessions::lock(sql, session).await?
    {
        link.has_lock_of(session);
    }
    Ok(())
}
