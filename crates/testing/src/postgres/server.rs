//! Finds a server to make test databases on, or starts one.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::PrivatePostgres;
use super::binaries::OLDEST;
use super::environment::{Environment, Probe};
use super::failure::ServerError;

/// The usual server of a developer's machine, as its administrator and without a password.
const LOCAL: &str = "postgres://postgres@127.0.0.1:5432/postgres";
const PATIENCE: Duration = Duration::from_secs(30);

/// A server on which databases can be made: one that was there, or one of our own.
#[derive(Debug)]
pub struct Server {
    url: String,
    /// Held for its `Drop`.
    private: Option<PrivatePostgres>,
}

impl Server {
    /// Returns the server that `DATABASE_URL` names, else the local one, else a private one.
    ///
    /// # Errors
    ///
    /// When `DATABASE_URL` is set and does not work, or when no server can be started.
    pub async fn find_or_start() -> Result<Self, ServerError> {
        Self::find_or_start_in(&Environment::read()).await
    }

    pub(super) async fn find_or_start_in(environment: &Environment) -> Result<Self, ServerError> {
        if let Some(url) = &environment.database_url {
            suits(url).await.map_err(|error| {
                error.next("check DATABASE_URL, or unset it to have a private server started")
            })?;
            return Ok(Self { url: url.clone(), private: None });
        }
        if environment.probe == Probe::Local && suits(LOCAL).await.is_ok() {
            return Ok(Self { url: LOCAL.to_owned(), private: None });
        }
        let private = PrivatePostgres::start_in(environment, &[]).await?;
        Ok(Self { url: private.url().to_owned(), private: Some(private) })
    }

    /// Returns the one server that all tests of this process share.
    ///
    /// A private one ends with the process: its watchdog sees to that, a static has no `Drop`.
    pub(super) async fn shared() -> Result<&'static Self, ServerError> {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::find_or_start).await
    }

    /// Returns the URL of its administrative database.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns whether it was started for us and ends with this value.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private.is_some()
    }
}

/// Connects, within half a minute: a machine that also compiles takes its time.
pub(super) async fn connect(url: &str) -> Result<PgConnection, ServerError> {
    match timeout(PATIENCE, PgConnection::connect(url)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(ServerError::new("connecting to Postgres").because(error)),
        Err(late) => Err(ServerError::new("connecting to Postgres").because(late)),
    }
}

/// Says whether test databases can be made there: new enough, and we may create databases.
async fn suits(url: &str) -> Result<(), ServerError> {
    let mut connection = connect(url).await?;
    let (may_create, version): (bool, i32) = sqlx::query_as(
        "SELECT rolsuper OR rolcreatedb, current_setting('server_version_num')::int
         FROM pg_roles WHERE rolname = current_user",
    )
    .fetch_one(&mut connection)
    .await
    .map_err(|error| ServerError::new("asking Postgres who we are").because(error))?;
    // The answer is known; a server that hangs up rudely changes nothing.
    let _ = connection.close().await;
    if !may_create {
        return Err(ServerError::new("that Postgres does not let us create databases"));
    }
    match u32::try_from(version / 10_000) {
        Ok(major) if major >= OLDEST => Ok(()),
        _ => Err(ServerError::new(format!("that Postgres is older than {OLDEST}: {version}"))),
    }
}
