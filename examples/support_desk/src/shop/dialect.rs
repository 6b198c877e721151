//! The few places where SQLite and Postgres do not read the same SQL.

use sqlx::AssertSqlSafe;

/// Which database the shop is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    pub(super) fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// SQLite makes its file on the first visit only if it is told to.
    pub(super) fn connect_url(self, url: &str) -> String {
        match self {
            Self::Sqlite if !url.contains("mode=") => {
                let join = if url.contains('?') { '&' } else { '?' };
                format!("{url}{join}mode=rwc")
            }
            Self::Sqlite | Self::Postgres => url.to_owned(),
        }
    }

    pub(super) const fn on_connect(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["PRAGMA busy_timeout = 5000", "PRAGMA journal_mode = WAL"],
            Self::Postgres => &[],
        }
    }

    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Statements are written once, as Postgres reads them: tables in the schema `shop`. SQLite
    /// has no schemas in one file, so there the tables carry the name as a prefix. `{now}` is the
    /// database's clock in microseconds, `{serial}` a key that counts by itself.
    ///
    /// The text comes from this crate only, never from a letter: values are always bound.
    pub(super) fn sql(self, text: &str) -> AssertSqlSafe<String> {
        let text = match self {
            Self::Sqlite => text
                .replace("shop.", "shop_")
                .replace("{now}", "CAST(unixepoch('subsec') * 1000000 AS INTEGER)")
                .replace("{serial}", "INTEGER PRIMARY KEY"),
            Self::Postgres => text
                .replace("{now}", "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
                .replace("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
        };
        AssertSqlSafe(text)
    }
}
