//! A server that dies under load: nothing acknowledged is lost, nothing is written twice.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::join_all;
use mainstay_core::{
    journal::Head,
    store::{
        Store, StoreError,
        operation::{Append, Appended, JournalRequest},
    },
};
use mainstay_store::conformance::{ManualClock, Owner, Subject, World};
use mainstay_testing::postgres::{PrivatePostgres, Shutdown};

use super::{open, owners};

const RUNS: usize = 8;
const STEPS: usize = 400;

/// Appends a part until it is known to be there, as an engine does: a lost answer is resolved by
/// the link that stands in its place.
async fn append_surely(store: &Arc<dyn Store>, part: &Append, resolved: &AtomicUsize) {
    loop {
        match store.append(vec![part.clone()]).await {
            Ok(answers) => match answers.as_slice() {
                [Appended::Accepted] => return,
                [Appended::Fenced { found }] if *found == Some(part.rows[0].link) => {
                    resolved.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                other => panic!("{other:?}"),
            },
            Err(StoreError::Unreachable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

async fn drive(store: Arc<dyn Store>, mut owner: Owner, counts: Arc<[AtomicUsize; 2]>) -> Owner {
    for _ in 0..STEPS {
        let part = owner.step().unwrap();
        append_surely(&store, &part, &counts[1]).await;
        counts[0].fetch_add(1, Ordering::Relaxed);
        owner.head = part.rows.iter().fold(owner.head, |head, row| row.head(owner.run_id, head));
    }
    owner
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_under_load_loses_and_repeats_nothing() {
    let mut server = PrivatePostgres::start().await.unwrap();
    let clock = Arc::<ManualClock>::default();
    let store: Arc<dyn Store> = Arc::new(open(server.url(), &clock).await);
    store.migrate(()).await.unwrap();
    let world = World::new(Subject { store: store.clone(), clock, guard: Box::new(()) });
    let counts: Arc<[AtomicUsize; 2]> = Arc::default();
    let drives = owners(&world, RUNS).await.into_iter();
    let drives: Vec<_> =
        drives.map(|owner| tokio::spawn(drive(store.clone(), owner, counts.clone()))).collect();
    for share in 1..=3 {
        while counts[0].load(Ordering::Relaxed) < RUNS * STEPS * share / 4 {
            tokio::task::yield_now().await;
        }
        server.stop(Shutdown::Immediate).await.unwrap();
        server.restart().await.unwrap();
    }
    for owner in join_all(drives).await {
        let owner = owner.unwrap();
        let whole = JournalRequest { run_id: owner.run_id, from: 1, limit: u32::MAX };
        let rows = store.journal(whole).await.unwrap();
        assert!(rows.iter().map(|row| row.position).eq(1..=(2 + STEPS as u64)));
        let head = rows.iter().fold(Head::EMPTY, |head, row| row.head(owner.run_id, head));
        assert_eq!(head, owner.head);
    }
    println!("answers lost and resolved: {}", counts[1].load(Ordering::Relaxed));
}
