//! How much a Postgres writes ahead, full-page images apart.
//!
//! The first change of a page after a checkpoint writes the whole page. How often that happens
//! depends on the checkpoints' distance, not on the engine, so it is not counted.

use sqlx::{Connection, PgConnection};

use super::{ReferenceError, Target, postgres};

const MARK: &str = "SELECT pg_current_wal_flush_lsn()::text";
const WRITTEN: &str = "SELECT pg_wal_lsn_diff($2::pg_lsn, $1::pg_lsn)::bigint";
const PAGES: &str = "
SELECT COALESCE(sum(fpi_size), 0)::bigint FROM pg_get_wal_stats($1::pg_lsn, $2::pg_lsn)";

/// Reads a server's write-ahead log.
#[derive(Debug)]
pub struct WalMeter(PgConnection);

/// A place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalMark(String);

impl WalMeter {
    /// Writes a checkpoint and returns a meter; `None` where there is no such log, or where the
    /// user may not look at it.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn open(target: &Target) -> Result<Option<Self>, ReferenceError> {
        let Target::Postgres(url) = target else {
            return Ok(None);
        };
        let mut meter = Self(postgres::connect(url).await?);
        let before = meter.mark().await?;
        if sqlx::query("CHECKPOINT").execute(&mut meter.0).await.is_err() {
            return Ok(None);
        }
        let after = meter.mark().await?;
        let readable = meter.pages(&before, &after).await.is_ok();
        Ok(readable.then_some(meter))
    }

    /// Returns where the log ends now.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn mark(&mut self) -> Result<WalMark, ReferenceError> {
        Ok(WalMark(sqlx::query_scalar(MARK).fetch_one(&mut self.0).await?))
    }

    /// Returns the bytes between two marks without the full-page images.
    ///
    /// # Errors
    /// The server does not answer, or has recycled that part of its log.
    pub async fn bytes(&mut self, from: &WalMark, to: &WalMark) -> Result<u64, ReferenceError> {
        let written: i64 =
            sqlx::query_scalar(WRITTEN).bind(&from.0).bind(&to.0).fetch_one(&mut self.0).await?;
        let pages = if written == 0 { 0 } else { self.pages(from, to).await? };
        Ok(written.saturating_sub(pages).unsigned_abs())
    }

    /// The extension that reads the log is made and rolled back: nothing of it stays in a database
    /// that is not ours.
    async fn pages(&mut self, from: &WalMark, to: &WalMark) -> Result<i64, ReferenceError> {
        let mut look = self.0.begin().await?;
        sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_walinspect").execute(&mut *look).await?;
        let pages = sqlx::query_scalar(PAGES).bind(&from.0).bind(&to.0).fetch_one(&mut *look).await;
        look.rollback().await?;
        Ok(pages?)
    }
}
