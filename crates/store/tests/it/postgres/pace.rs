//! How fast commits are, beside the bare limit of the same server. Figures, not promises: run by
//! hand, `cargo test --release -p mainstay-store --test it pace -- --ignored --nocapture`.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures::future::join_all;
use mainstay_core::{
    effect::StepKey,
    journal::Entry,
    label::Label,
    payload::Payload,
    store::{
        Store,
        operation::{Append, Appended, RowChange},
    },
};
use mainstay_store::conformance::Owner;
use sqlx::{Connection, PgConnection};

use super::{Bench, bench, owners};

const RUNS: usize = 64;
const SPAN: Duration = Duration::from_secs(4);

#[expect(clippy::disallowed_methods, reason = "a stopwatch beside the product, not in it")]
fn clock() -> SystemTime {
    SystemTime::now()
}

fn over(start: SystemTime) -> bool {
    clock().duration_since(start).unwrap_or_default() >= SPAN
}

fn per_second(steps: usize, start: SystemTime) -> f64 {
    steps as f64 / clock().duration_since(start).unwrap().as_secs_f64()
}

/// One step of about a kilobyte.
fn step(owner: &Owner, payload: &Payload) -> Append {
    let entry = Entry::StepFinished {
        step: StepKey::new("look_up", 1),
        began: None,
        output: payload.reference(Label::default()),
        state: None,
        absorbed: Vec::new(),
    };
    let mut part = owner.part(&[entry], RowChange::Keep).unwrap();
    part.rows_mut()[0].payloads = vec![payload.clone()];
    part
}

fn advance(owner: &mut Owner, part: &Append) {
    owner.head = part.rows.iter().fold(owner.head, |head, row| row.head(owner.run_id, head));
}

/// Every run appends by itself; the store groups what waits.
async fn alone(store: Arc<dyn Store>, mut owner: Owner, start: SystemTime) -> usize {
    let payload = Payload::from_bytes(vec![b'7'; 1_000]);
    let mut steps = 0;
    while !over(start) {
        let part = step(&owner, &payload);
        assert_eq!(store.append(vec![part.clone()]).await.unwrap(), [Appended::Accepted]);
        advance(&mut owner, &part);
        steps += 1;
    }
    steps
}

/// Sixteen runs append together.
async fn together(store: Arc<dyn Store>, mut owners: Vec<Owner>, start: SystemTime) -> usize {
    let payload = Payload::from_bytes(vec![b'7'; 1_000]);
    let mut steps = 0;
    while !over(start) {
        let parts: Vec<Append> = owners.iter().map(|owner| step(owner, &payload)).collect();
        let answers = store.append(parts.clone()).await.unwrap();
        assert!(answers.iter().all(|answer| *answer == Appended::Accepted));
        owners.iter_mut().zip(&parts).for_each(|(owner, part)| advance(owner, part));
        steps += parts.len();
    }
    steps
}

async fn one_row_commits(url: String, run: i64, start: SystemTime) -> usize {
    let mut sql = PgConnection::connect(&url).await.unwrap();
    let body = vec![b'7'; 1_000];
    let mut steps = 0_u32;
    while !over(start) {
        sqlx::query("INSERT INTO bare VALUES ($1, $2, $3)")
            .bind(run)
            .bind(i64::from(steps))
            .bind(body.as_slice())
            .execute(&mut sql)
            .await
            .unwrap();
        steps += 1;
    }
    steps as usize
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "figures, not a verdict"]
async fn pace_of_commits() {
    let Bench { world, mut sql, url } = bench().await;
    let bare =
        "CREATE TABLE bare (run bigint, position bigint, body bytea, PRIMARY KEY (run, position))";
    sqlx::raw_sql(bare).execute(&mut sql).await.unwrap();
    for clients in [1, 16, 64] {
        let start = clock();
        let loops = (0..clients)
            .map(|n| tokio::spawn(one_row_commits(url.clone(), n + 1_000 * clients, start)));
        let steps: usize = join_all(loops).await.into_iter().map(Result::unwrap).sum();
        println!("bare inserts, {clients:2} connections: {:8.0} rows/s", per_second(steps, start));
    }
    for runs in [1, 16, RUNS] {
        let owners = owners(&world, runs).await;
        let start = clock();
        let loops = owners.into_iter().map(|o| tokio::spawn(alone(world.store.clone(), o, start)));
        let steps: usize = join_all(loops).await.into_iter().map(Result::unwrap).sum();
        println!("single appends, {runs:2} runs:        {:8.0} steps/s", per_second(steps, start));
    }
    let owners = owners(&world, RUNS).await;
    let start = clock();
    let groups = owners.chunks(16).map(<[Owner]>::to_vec);
    let loops = groups.map(|g| tokio::spawn(together(world.store.clone(), g, start)));
    let steps: usize = join_all(loops).await.into_iter().map(Result::unwrap).sum();
    println!("appends of 16, {RUNS} runs:         {:8.0} steps/s", per_second(steps, start));
}

/// Prints the plans of the hot statements as the server made them for our connections.
#[tokio::test]
#[ignore = "for reading, not a verdict"]
async fn plans_of_the_hot_statements() {
    let database = mainstay_testing::postgres::TestDatabase::create().await.unwrap();
    let mut sql = PgConnection::connect(database.url()).await.unwrap();
    let tell = format!(
        "ALTER DATABASE \"{0}\" SET session_preload_libraries = 'auto_explain';
         ALTER DATABASE \"{0}\" SET auto_explain.log_min_duration = 0;
         ALTER DATABASE \"{0}\" SET auto_explain.log_analyze = on;
         ALTER DATABASE \"{0}\" SET auto_explain.log_nested_statements = off",
        database.name()
    );
    for statement in tell.split(';') {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&mut sql).await.unwrap();
    }
    let clock = Arc::<mainstay_store::conformance::ManualClock>::default();
    let store: Arc<dyn Store> = Arc::new(super::open(database.url(), &clock).await);
    store.migrate(()).await.unwrap();
    let subject = mainstay_store::conformance::Subject { store, clock, guard: Box::new(()) };
    let world = mainstay_store::conformance::World::new(subject);
    let mut owners = owners(&world, 16).await;
    let payload = Payload::from_bytes(vec![b'7'; 1_000]);
    for _ in 0..200 {
        let parts: Vec<Append> = owners.iter().map(|owner| step(owner, &payload)).collect();
        world.store.append(parts.clone()).await.unwrap();
        owners.iter_mut().zip(&parts).for_each(|(owner, part)| advance(owner, part));
    }
    let parks = owners.iter().map(|owner| owner.park_for_signal(0).unwrap()).collect();
    world.store.append(parks).await.unwrap();
    for owner in &owners {
        world.tell(owner.run_id, "go").await.unwrap();
    }
    let session = world.open().await.unwrap();
    assert_eq!(world.store.claim(world.wish(session, 16)).await.unwrap().len(), 16);
    database.close().await.unwrap();
}
