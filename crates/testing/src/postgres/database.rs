//! A database of one test's own, on whatever server there is.

use std::fs::File;
use std::io::{self, Read};

use sqlx::{AssertSqlSafe, Connection};

use super::failure::ServerError;
use super::server::{Server, connect};

/// A fresh, empty database that is dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    name: String,
    admin_url: String,
    state: State,
}

/// Whether the database is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Dropped,
}

impl TestDatabase {
    /// Creates a database on the server that is found or started for this process.
    ///
    /// # Errors
    ///
    /// When no server can be had, or it refuses.
    pub async fn create() -> Result<Self, ServerError> {
        Self::create_on(Server::shared().await?.url()).await
    }

    /// Creates a database on the server of `admin_url`, e.g. a [`super::PrivatePostgres`].
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses.
    pub async fn create_on(admin_url: &str) -> Result<Self, ServerError> {
        let name = random_name("mainstay_test_")?;
        // `template0` has no visitors: with the usual template, two tests at once would collide.
        execute(admin_url, format!(r#"CREATE DATABASE "{name}" TEMPLATE template0"#)).await?;
        let url = with_database(admin_url, &name);
        Ok(Self { url, name, admin_url: admin_url.to_owned(), state: State::Open })
    }

    /// Returns its URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Drops it now, cutting off whoever is still connected.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached; then `Drop` does not try again.
    pub async fn close(mut self) -> Result<(), ServerError> {
        self.state = State::Dropped;
        execute(&self.admin_url, drop_statement(&self.name)).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.state == State::Dropped {
            return;
        }
        let (admin_url, statement) = (self.admin_url.clone(), drop_statement(&self.name));
        // A thread with a runtime of its own: we may stand inside another runtime, or in none.
        let dropping = std::thread::spawn(move || -> Result<(), ServerError> {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| ServerError::new("starting a runtime").because(error))?
                .block_on(execute(&admin_url, statement))
        });
        if let Ok(Err(error)) = dropping.join() {
            tracing::warn!(database = self.name, %error, "test database left behind");
        }
    }
}

fn drop_statement(name: &str) -> String {
    format!(r#"DROP DATABASE IF EXISTS "{name}" WITH (FORCE)"#)
}

/// Runs one statement on a connection of its own. Names in it are ours, never a person's.
async fn execute(url: &str, statement: String) -> Result<(), ServerError> {
    let mut connection = connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
        .execute(&mut connection)
        .await
        .map_err(|error| ServerError::new(format!("running `{statement}`")).because(error))?;
    // The statement is done; a server that hangs up rudely changes nothing.
    let _ = connection.close().await;
    Ok(())
}

/// Returns `url` with another database in its path; everything else stays as it was.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(b, q)| (b, Some(q)));
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    match query {
        Some(query) => format!("{scheme}://{authority}/{name}?{query}"),
        None => format!("{scheme}://{authority}/{name}"),
    }
}

/// Returns `prefix` and 128 random bits. Tests run at the same time in many processes, so a
/// counter or a seed would collide.
pub(super) fn random_name(prefix: &str) -> Result<String, ServerError> {
    let mut bytes = [0_u8; 16];
    read_random(&mut bytes)
        .map_err(|error| ServerError::new("reading /dev/urandom").because(error))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{prefix}{digits}"))
}

fn read_random(bytes: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use super::{random_name, with_database};

    #[test]
    fn only_the_database_of_a_url_changes() {
        for (url, expected) in [
            ("postgres://u:p@h:1/old?sslmode=disable", "postgres://u:p@h:1/new?sslmode=disable"),
            ("postgres://u@h", "postgres://u@h/new"),
            ("postgresql:///old?host=/run/pg", "postgresql:///new?host=/run/pg"),
        ] {
            assert_eq!(with_database(url, "new"), expected);
        }
    }

    #[test]
    fn names_do_not_repeat() {
        assert_ne!(random_name("a").unwrap(), random_name("a").unwrap());
    }
}
