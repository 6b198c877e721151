//! Which database, and opening it: the one place that names the stores.

use std::{fmt, path::PathBuf, sync::Arc};

use mainstay_core::{
    code::Code,
    store::{Store, StoreError},
};
use mainstay_store::{
    postgres::{PostgresOptions, PostgresStore},
    sqlite::{SqliteOptions, SqliteStore},
};

use crate::cli::error::CliError;

/// Where runs live when nobody says otherwise.
pub(crate) const DEFAULT: &str = "sqlite://.mainstay/mainstay.db";

/// The address of a database. It prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Address);

#[derive(Clone, PartialEq, Eq)]
enum Address {
    Sqlite(PathBuf),
    Postgres(String),
}

/// What a command wants from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Driving runs: a schema that is missing or older is made or brought up to date.
    Drive,
    /// Looking and telling: a server's schema must fit already.
    Read,
    /// Finding out what is there: nothing is made, nothing is changed.
    Examine,
}

impl DatabaseUrl {
    pub(crate) fn read(text: &str) -> Result<Self, CliError> {
        let sqlite = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"));
        if let Some(path) = sqlite.filter(|path| !path.is_empty()) {
            return Ok(Self(Address::Sqlite(path.into())));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(Address::Postgres(text.to_owned())));
        }
        let message = "the database address cannot be read";
        Err(CliError::new(Code::InvalidArgument, message)
            .with_hint("write `--db sqlite://PATH` or `--db postgres://USER@HOST/NAME`"))
    }

    /// Returns the file, if it is one.
    #[must_use]
    pub const fn file(&self) -> Option<&PathBuf> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }

    /// Returns the address with everything a driver needs, password included.
    #[must_use]
    pub fn reveal(&self) -> String {
        match &self.0 {
            Address::Sqlite(path) => format!("sqlite://{}", path.display()),
            Address::Postgres(url) => url.clone(),
        }
    }

    /// Returns the folder of the files by which workers of this machine prove each other's death.
    pub(crate) fn proof_dir(&self) -> PathBuf {
        match &self.0 {
            Address::Sqlite(path) => path.with_extension("workers"),
            Address::Postgres(_) => {
                let user = rustix::process::getuid().as_raw();
                std::env::temp_dir().join(format!("mainstay-{user}")).join("workers")
            }
        }
    }

    pub(crate) async fn open(&self, purpose: Purpose) -> Result<Arc<dyn Store>, CliError> {
        let opened = match &self.0 {
            Address::Sqlite(path) => {
                let options = SqliteOptions::default();
                let options = match purpose {
                    Purpose::Drive | Purpose::Read => options,
                    Purpose::Examine => options.as_it_is(),
                };
                let store = SqliteStore::open(path, options).await;
                store.map(|store| Arc::new(store) as Arc<dyn Store>)
            }
            Address::Postgres(url) => open_postgres(url, purpose).await,
        };
        opened.map_err(|error| self.explained(error))
    }

    /// Adds to an error which database it is about.
    pub(crate) fn explained(&self, error: StoreError) -> CliError {
        CliError::from(error).with_details([format!("database: {self}")])
    }
}

async fn open_postgres(url: &str, purpose: Purpose) -> Result<Arc<dyn Store>, StoreError> {
    let store: Arc<dyn Store> =
        Arc::new(PostgresStore::connect(url, PostgresOptions::default()).await?);
    let facts = store.facts(()).await?;
    let (found, wanted) = (facts.schema.found, facts.wanted);
    match purpose {
        Purpose::Examine => {}
        Purpose::Drive if found < wanted => {
            store.migrate(()).await?;
        }
        Purpose::Drive | Purpose::Read if !facts.schema.suits(wanted) => {
            return Err(StoreError::Schema { found, wanted });
        }
        Purpose::Drive | Purpose::Read => {}
    }
    Ok(store)
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Address::Postgres(url) => f.write_str(&without_password(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A password stands between the first colon and the last `@`, or in the query. Somebody may have
/// written it with a `/` or a `?` in it, which ends the authority for everybody else.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let rest = match rest.rsplit_once('@') {
        Some((who, host)) => {
            format!("{}@{host}", who.split_once(':').map_or(who, |(user, _)| user))
        }
        None => rest.to_owned(),
    };
    let (path, query) = rest.split_once('?').unwrap_or((&rest, ""));
    let open = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("password="));
    let open = open.collect::<Vec<_>>().join("&");
    let mark = if open.is_empty() { "" } else { "?" };
    format!("{scheme}://{path}{mark}{open}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        for (url, shown) in [
            ("postgres://ann:se:cr@et@db/main", "postgres://ann@db/main"),
            ("postgres://db/main?host=/run&password=secret", "postgres://db/main?host=/run"),
            ("postgresql://ann@db", "postgresql://ann@db"),
            ("postgres://ann:se/cr?et@db:1/main?host=/run", "postgres://ann@db:1/main?host=/run"),
            ("postgres://ann:se@cr/et@db/main", "postgres://ann@db/main"),
        ] {
            assert_eq!(DatabaseUrl::read(url).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn an_address_of_another_kind_is_refused_with_the_right_forms() {
        for wrong in ["mysql://db", "shop.db", "sqlite://", ""] {
            let error = DatabaseUrl::read(wrong).unwrap_err();
            assert_eq!(error.code, Code::InvalidArgument, "{wrong}");
        }
        assert_eq!(DatabaseUrl::read("sqlite:a.db").unwrap().file(), Some(&"a.db".into()));
    }
}
