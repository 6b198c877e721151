//! One connection: where to, with which settings, and how often it is tried.

use std::{str::FromStr, time::Duration};

use mainstay_core::{id::SessionId, store::StoreError};
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};

use super::{failure::Failed, migrate};

/// How many prepared statements one connection keeps; more than this crate has.
const STATEMENTS: usize = 256;
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a connection is for: plans are made once per statement, so they must be right for every
/// size of table, also for the empty one they are made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Journals: many arrays, joined among themselves by hashing, and single rows by primary key.
    Append,
    /// Everything else. An index is read in its order, and only as far as needed: a bitmap would
    /// gather the whole queue for each claim.
    Ordinary,
    /// A session's beats: a lost beat costs a beat, so it waits for no disk.
    Control,
}

impl Purpose {
    pub(super) const fn settings(self) -> &'static str {
        match self {
            Self::Append => {
                "SET plan_cache_mode = force_generic_plan; SET jit = off;
                 SET enable_seqscan = off; SET enable_bitmapscan = off;
                 SET enable_nestloop = off; SET enable_mergejoin = off;
                 SET idle_in_transaction_session_timeout = '15s';
                 SET default_transaction_isolation = 'read committed'"
            }
            Self::Ordinary => {
                "SET plan_cache_mode = force_generic_plan; SET jit = off;
                 SET enable_seqscan = off; SET enable_bitmapscan = off;
                 SET idle_in_transaction_session_timeout = '15s';
                 SET default_transaction_isolation = 'read committed'"
            }
            Self::Control => {
                "SET synchronous_commit = off; SET jit = off;
                 SET default_transaction_isolation = 'read committed'"
            }
        }
    }
}

/// The server's address. Neither it nor the password is ever part of a message.
#[derive(Clone)]
pub(super) struct Address {
    options: PgConnectOptions,
    patience: Duration,
}

impl Address {
    /// Reads a `postgres://` URL; `?host=/directory` names a Unix socket.
    pub(super) fn read(url: &str, patience: Duration) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Unreachable("the URL is not one of a Postgres".to_owned()))?
            .statement_cache_capacity(STATEMENTS)
            .disable_statement_logging();
        let named = options.get_application_name().is_some();
        let options = if named { options } else { options.application_name("mainstay") };
        Ok(Self { options, patience })
    }

    /// Returns how a driver reaches it.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Connects, once.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<PgConnection, Failed> {
        let connecting = PgConnection::connect_with(&self.options);
        let mut sql = tokio::time::timeout(self.patience, connecting)
            .await
            .map_err(|_| Failed::Lost(format!("no answer within {:?}", self.patience)))?
            .map_err(|error| Failed::Lost(error.to_string()))?;
        sqlx::raw_sql(purpose.settings()).execute(&mut sql).await?;
        Ok(sql)
    }
}

/// Commits a transaction or rolls it back. A dropped one is rolled back only when its connection is
/// used again, and would hold its locks until then.
pub(super) async fn finish(
    transaction: sqlx::Transaction<'_, sqlx::Postgres>,
    commits: bool,
) -> Result<(), Failed> {
    let done = if commits { transaction.commit().await } else { transaction.rollback().await };
    Ok(done?)
}

/// A connection that is made when it is needed and made again when it broke.
pub(super) struct Link {
    address: Address,
    purpose: Purpose,
    sql: Option<PgConnection>,
    checked: bool,
    /// The session whose lock was taken on this connection.
    locked: Option<SessionId>,
    pause: Duration,
}

impl Link {
    /// Makes a link that is not connected yet.
    pub(super) const fn new(address: Address, purpose: Purpose) -> Self {
        Self { address, purpose, sql: None, checked: false, locked: None, pause: Duration::ZERO }
    }

    /// Returns whether it was connected before: then a broken connection may be an old one, which
    /// says nothing about the server of now.
    pub(super) const fn is_open(&self) -> bool {
        self.sql.is_some()
    }

    /// Returns the connection to a schema of any version.
    pub(super) async fn bare(&mut self) -> Result<&mut PgConnection, Failed> {
        if self.sql.is_none() {
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.checked = false;
            self.sql = Some(self.address.connect(self.purpose).await?);
            self.locked = None;
            self.pause = Duration::ZERO;
        }
        self.sql.as_mut().ok_or_else(|| Failed::Lost("not connected".to_owned()))
    }

    /// Returns the connection, once its schema was seen to be of this program's version.
    pub(super) async fn ready(&mut self) -> Result<&mut PgConnection, Failed> {
        if !self.checked {
            migrate::check(self.bare().await?).await?;
            self.checked = true;
        }
        self.bare().await
    }

    /// Returns a control connection on which this session's lock was not taken yet: another's was,
    /// or the connection was made again.
    pub(super) async fn without_lock_of(
        &mut self,
        session: SessionId,
    ) -> Result<Option<&mut PgConnection>, Failed> {
        self.ready().await?;
        let lacks = self.purpose == Purpose::Control && self.locked != Some(session);
        Ok(if lacks { self.sql.as_mut() } else { None })
    }

    /// Notes that a session's lock was taken on this connection.
    pub(super) const fn has_lock_of(&mut self, session: SessionId) {
        self.locked = Some(session);
    }

    /// Returns where it leads.
    pub(super) fn address(&self) -> Address {
        self.address.clone()
    }

    /// Drops a connection after a failure that leaves it in doubt, or its statements out of date.
    pub(super) fn mind(&mut self, failed: &Failed) {
        match failed {
            Failed::Lost(_) | Failed::Outdated(_) => self.sql = None,
            Failed::NoSchema => self.checked = false,
            Failed::Victim(_) | Failed::Refused(_) | Failed::Answer(_) => {}
        }
    }

    /// Says goodbye.
    pub(super) async fn close(&mut self) {
        if let Some(sql) = self.sql.take() {
            // A server that hangs up rudely changes nothing.
            let _ = sql.close().await;
        }
    }
}
