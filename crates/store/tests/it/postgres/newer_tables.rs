//! A newer program changes tables while this one works on them: nothing that it asks for fails.

use super::*;

/// Runs claimed before and after: more than there are connections to claim them on.
const RUNS: u32 = 12;

/// Starts runs, and claims them one by one on all connections at the same time.
async fn claim(world: &World, session: SessionId) {
    for _ in 0..RUNS {
        world.start(world.new_run().unwrap()).await.unwrap();
    }
    let mut claimed = 0;
    while claimed < RUNS as usize {
        let claims = (0..RUNS).map(|_| world.store.claim(world.wish(session, 1)));
        claimed +=
            join_all(claims).await.into_iter().map(|runs| runs.unwrap().len()).sum::<usize>();
    }
}

#[tokio::test]
async fn a_worker_goes_on_when_its_tables_get_another_column() {
    let Bench { world, mut sql, .. } = bench().await;
    let session = world.open().await.unwrap();
    claim(&world, session).await;
    let planted = "ALTER TABLE mainstay.runs ADD COLUMN planted text";
    sqlx::query(planted).execute(&mut sql).await.unwrap();
    claim(&world, session).await;
    let mine = count(&mut sql, "SELECT count(*) FROM mainstay.claims").await;
    assert_eq!(mine, 2 * i64::from(RUNS));
}
