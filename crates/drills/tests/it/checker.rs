//! The planted fault of every drill's checker: a run that has lost its one row is found.

use std::process::Command;

use mainstay_drills::{
    checker::Checker,
    ledger::Book,
    person::Attended,
    place::{Kind, Office, Place},
    verdict::Verdict,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::PROGRAM;

/// What was deleted by hand.
async fn forget(place: &Place, table: &str) {
    let sql = format!("DELETE FROM {table}");
    match place.url().strip_prefix("sqlite://") {
        Some(path) => {
            let mut file = SqliteConnection::connect(&format!("sqlite://{path}")).await.unwrap();
            sqlx::query(AssertSqlSafe(sql)).execute(&mut file).await.unwrap();
            file.close().await.unwrap();
        }
        None => {
            let mut server = PgConnection::connect(place.url()).await.unwrap();
            sqlx::query(AssertSqlSafe(sql)).execute(&mut server).await.unwrap();
            server.close().await.unwrap();
        }
    }
}

async fn looked(office: &Office) -> Checker {
    let mut checker = Checker::default();
    checker.look(office).await;
    checker
}

fn doctor(place: &Place) -> (Option<i32>, String) {
    let mut doctor = Command::new(PROGRAM);
    let doctor = doctor.args(["doctor", "--json"]).env("DATABASE_URL", place.url());
    let output = doctor.output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Nobody works here, so the run is queued for as long as one likes.
async fn a_queued_run_that_lost_its_row_is_found(kind: Kind, ready: &str) {
    let place = Place::make(kind).await.unwrap();
    let office = place.office().await.unwrap();
    let runs = office.start(0..1).await.unwrap();
    let before = looked(&office).await;
    assert_eq!((before.looks, before.unexplained_ever), (1, 0), "it is queued, and that is why");
    assert_eq!(doctor(&place).0, Some(0), "{}", doctor(&place).1);

    // A run that has its reason again is held against a drill all the same.
    let attended =
        Attended { checker: Checker { looks: 1, unexplained_ever: 1 }, ..Attended::default() };
    let verdict = Verdict::of(&office, &Book::default(), &runs, attended).await.unwrap();
    assert!(verdict.unexplained == 0 && verdict.astray == 1, "{verdict:#?}");

    forget(&place, ready).await;
    let checker = looked(&office).await;
    assert_eq!(checker.unexplained_ever, 1);
    let (exit, said) = doctor(&place);
    assert!(exit != Some(0) && said.contains(&runs[0].to_string()), "{said}");

    let attended = Attended { checker, ..Attended::default() };
    let verdict = Verdict::of(&office, &Book::default(), &runs, attended).await.unwrap();
    assert!(verdict.unexplained == 1 && !verdict.is_clean(), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_and_the_doctor_find_a_run_that_lost_its_ready_row_on_postgres() {
    a_queued_run_that_lost_its_row_is_found(Kind::Postgres, "mainstay.ready").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checker_and_the_doctor_find_a_run_that_lost_its_ready_row_on_sqlite() {
    a_queued_run_that_lost_its_row_is_found(Kind::Sqlite, "mainstay_ready").await;
}
