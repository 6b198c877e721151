//! Throwaway Postgres for tests: a real server on every machine, never a mock.
//!
//! Two things cover all needs. [`TestDatabase`] is a database of its own on whatever server is
//! there, gone when the value is dropped: use it for everything that only needs SQL.
//! [`PrivatePostgres`] is a server of its own, for tests that stop, restart or tune one.
//!
//! # Where the server comes from
//!
//! 1. `DATABASE_URL`, when it names a Postgres. It must work: a set variable that is silently
//!    ignored would test something else than the person asked for.
//! 2. 127.0.0.1:5432, when it lets us in and lets us create databases.
//! 3. A private server from installed binaries, started as an unprivileged user even when the
//!    tests run as root (`initdb` refuses root, and rightly so).
//! 4. The Debian package, installed first, when we are root.
//!
//! Whatever is missing after that is said, with the command that would help.
//!
//! ```no_run
//! # async fn example() -> Result<(), mainstay_testing::postgres::ServerError> {
//! use mainstay_testing::postgres::TestDatabase;
//!
//! let database = TestDatabase::create().await?;
//! println!("connect to {}", database.url());
//! database.close().await?;
//! # Ok(())
//! # }
//! ```

mod account;
mod binaries;
mod database;
mod environment;
mod failure;
mod private;
mod server;
mod watchdog;

#[cfg(test)]
mod tests;

pub use database::TestDatabase;
pub use failure::ServerError;
pub use private::{PrivatePostgres, Shutdown};
pub use server::Server;
