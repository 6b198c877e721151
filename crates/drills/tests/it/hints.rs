//! A store tells a worker in another process that a run became ready.

use std::time::Duration;

use mainstay_drills::place::{Kind, Place};

/// Only what hangs takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Two offices share nothing but the database, as two processes do.
async fn hinted_from_elsewhere(kind: Kind) {
    let place = Place::make(kind).await.unwrap();
    let (idle, busy) = (place.office().await.unwrap(), place.office().await.unwrap());
    let waiting = tokio::spawn(async move { idle.runtime.store.hinted().await });
    let start = async {
        for number in 0.. {
            busy.start(number..number + 1).await.unwrap();
            // Listening begins with the first wait, and may not have begun.
            tokio::time::sleep(Duration::from_millis(100)).await;
            if waiting.is_finished() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, start).await.expect("it is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_process_started_is_hinted_at_on_postgres() {
    hinted_from_elsewhere(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_another_process_started_is_hinted_at_on_sqlite() {
    hinted_from_elsewhere(Kind::Sqlite).await;
}
