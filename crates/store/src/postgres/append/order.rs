//! The order of locks, and what comes of its absence: two commits of the same runs, of which one
//! takes its locks in another order, wait for each other, and the server makes one a victim.

use std::{sync::Arc, time::Duration};

use mainstay_testing::postgres::TestDatabase;
use sqlx::{Connection, PgConnection};

use super::{Part, change, statement, take_distinct};
use crate::{
    conformance::{ManualClock, Owner, Subject, World},
    postgres::{PostgresOptions, PostgresStore, failure::Failed, home::Home, shared::Shared},
};

/// Four owned runs, ascending, and the server they are on.
struct Scene {
    owners: Vec<Owner>,
    url: String,
    shared: Arc<Shared>,
    _world: World,
}

impl Scene {
    async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let (url, clock) = (database.url().to_owned(), Arc::<ManualClock>::default());
        let options = PostgresOptions::default().with_clock(clock.clone());
        let store = Arc::new(PostgresStore::connect(&url, options).await.unwrap());
        let world = World::new(Subject { store, clock, guard: Box::new(database) });
        world.store.migrate(()).await.unwrap();
        let mut owners = Vec::new();
        for _ in 0..4 {
            owners.push(world.owned().await.unwrap());
        }
        owners.sort_by_key(|owner| owner.run_id);
        Self { owners, url, shared: Arc::default(), _world: world }
    }

    async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Parks these runs in one statement; returns whether the server made it a victim.
    async fn commit(&self, places: &[usize], order: Order) -> bool {
        let mut sql = self.connection().await;
        let parks: Vec<_> =
            places.iter().map(|n| self.owners[*n].park_for_signal(0).unwrap()).collect();
        let mut parts = Vec::new();
        for (place, part) in parks.iter().enumerate() {
            let change = change::of(&mut sql, &self.shared, part).await.unwrap();
            parts.push(Part { place, part, change });
        }
        let batch = if order == Order::Kept { take_distinct(&mut parts) } else { parts };
        let statement = statement::build(&self.shared, Home::Anywhere, &batch).unwrap();
        let done = statement.query_scalar::<uuid::Uuid>().unwrap().fetch_all(&mut sql).await;
        match done.map_err(Failed::from) {
            Ok(_) => false,
            Err(Failed::Victim(_)) => true,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Kept,
    /// As the parts come.
    Lost,
}

/// Returns when so many statements wait for locks.
async fn are_waiting(sql: &mut PgConnection, wanted: i64) {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *sql).await.unwrap() < wanted {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// One commit of the second and the third run, and one of all four that comes with the third before
/// the second, meet where somebody holds the second for a moment. Returns how many became victims.
async fn victims(order: Order) -> usize {
    let scene = Arc::new(Scene::new().await);
    let (mut holder, mut eyes) = (scene.connection().await, scene.connection().await);
    let mut held = holder.begin().await.unwrap();
    let hold = "SELECT FROM mainstay.runs WHERE run_id = $1 FOR UPDATE";
    sqlx::query(hold).bind(scene.owners[1].run_id.uuid()).execute(&mut *held).await.unwrap();
    let mut commits = Vec::new();
    for (nth, places) in (1..).zip([[1, 2].as_slice(), &[0, 2, 1, 3]]) {
        let there = scene.clone();
        commits.push(tokio::spawn(async move { there.commit(places, order).await }));
        are_waiting(&mut eyes, nth).await;
    }
    held.rollback().await.unwrap();
    let mut victims = 0;
    for commit in commits {
        victims += usize::from(commit.await.unwrap());
    }
    victims
}

#[tokio::test]
async fn commits_of_the_same_runs_in_the_order_of_locks_wait_and_go_on() {
    assert_eq!(victims(Order::Kept).await, 0);
}

#[tokio::test]
async fn without_the_order_of_locks_one_of_two_commits_is_a_victim() {
    assert_eq!(victims(Order::Lost).await, 1);
}
