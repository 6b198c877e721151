//! The throwaway server against a real Postgres: it starts, stops, comes back, and goes away.

use std::path::PathBuf;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::environment::{Environment, Probe};
use super::{PrivatePostgres, Server, Shutdown, TestDatabase};

/// Runs one query and returns its first column of its first row as text.
async fn ask(url: &str, query: &str) -> Result<String, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let row = sqlx::query(AssertSqlSafe(query)).fetch_one(&mut connection).await?;
    row.try_get(0)
}

async fn run(url: &str, statement: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
}

/// An environment in which no server can be found.
fn alone() -> Environment {
    Environment { probe: Probe::Off, database_url: None, ..Environment::read() }
}

#[tokio::test]
async fn with_no_server_around_a_private_one_is_started_and_thrown_away() {
    let server = Server::find_or_start_in(&alone()).await.unwrap();
    assert!(server.is_private());
    let folder: PathBuf = ask(server.url(), "SHOW data_directory").await.unwrap().parse().unwrap();
    let url = server.url().to_owned();
    assert!(folder.is_dir());

    drop(server);
    assert!(!folder.exists(), "{} is still there", folder.display());
    ask(&url, "SELECT 'x'").await.unwrap_err();
}

#[tokio::test]
async fn a_database_url_that_does_not_work_is_an_error_and_not_ignored() {
    let url = Some("postgres://nobody@127.0.0.1:1/none".to_owned());
    let error = Server::find_or_start_in(&Environment { database_url: url, ..alone() }).await;
    assert!(error.unwrap_err().to_string().contains("check DATABASE_URL"));
}

#[tokio::test]
async fn data_survives_an_immediate_stop_and_settings_count_from_the_restart() {
    let mut server = PrivatePostgres::start_with(&[("work_mem", "5MB")]).await.unwrap();
    let url = server.url().to_owned();
    assert_eq!(ask(&url, "SHOW work_mem").await.unwrap(), "5MB");
    run(&url, "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('still here')").await;

    server.stop(Shutdown::Immediate).await.unwrap();
    ask(&url, "SELECT 'x'").await.unwrap_err();
    server.stop(Shutdown::Immediate).await.unwrap_err();

    server.set("work_mem", "7MB");
    server.restart().await.unwrap();
    assert_eq!(ask(&url, "SELECT word FROM kept").await.unwrap(), "still here");
    assert_eq!(ask(&url, "SHOW work_mem").await.unwrap(), "7MB");
    server.stop(Shutdown::Fast).await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() {
    let error = PrivatePostgres::start_with(&[("work_mem", "a lot")]).await.unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("work_mem"), "{cause}");
}

#[tokio::test]
async fn strangers_cannot_enter_a_private_server() {
    let server = PrivatePostgres::start().await.unwrap();
    let url = format!("postgres://mainstay:wrong@127.0.0.1:{}/postgres", server.port());
    ask(&url, "SELECT 'x'").await.unwrap_err();
}

#[tokio::test]
async fn a_test_database_is_dropped_with_its_value_even_while_somebody_is_connected() {
    let admin = Server::shared().await.unwrap().url();
    let (closed, dropped) =
        (TestDatabase::create().await.unwrap(), TestDatabase::create().await.unwrap());
    run(closed.url(), "CREATE TABLE mine (n int)").await;
    run(dropped.url(), "CREATE TABLE mine (n int)").await;
    let names = [closed.name().to_owned(), dropped.name().to_owned()];
    assert_eq!(existing(admin, &names).await, names);

    let _visitor = PgConnection::connect(dropped.url()).await.unwrap();
    closed.close().await.unwrap();
    drop(dropped);
    assert!(existing(admin, &names).await.is_empty());
}

/// Returns which of the databases exist.
async fn existing(admin_url: &str, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for name in names {
        let query = format!("SELECT count(*)::text FROM pg_database WHERE datname = '{name}'");
        if ask(admin_url, &query).await.unwrap() == "1" {
            found.push(name.clone());
        }
    }
    found
}
