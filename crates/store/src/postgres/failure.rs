//! What a database error means to us: six cases that call for six reactions.

use mainstay_core::{id::RunId, store::StoreError};

/// Why a statement did not go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// The connection is gone, or the server refuses for reasons of its own; it is unknown whether
    /// the statement happened.
    Lost(String),
    /// The server chose this transaction as a victim; nothing of it happened, and the same again
    /// may go through.
    Victim(String),
    /// A table has changed since this connection had the statement planned, as when a newer program
    /// adds a column; nothing of it happened, and a new connection plans it anew.
    Outdated(String),
    /// The server refuses these values; nothing happened.
    Refused(String),
    /// The tables are not there, or not of this program's version.
    NoSchema,
    /// It is settled what the caller hears.
    Answer(StoreError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(database) = &error {
            return of_state(database.code().as_deref().unwrap_or_default(), database.message());
        }
        if let sqlx::Error::Encode(why) = &error {
            return Self::Refused(why.to_string());
        }
        if reads_badly(&error) {
            return StoreError::Corrupt(error.to_string()).into();
        }
        Self::Lost(error.to_string())
    }
}

const fn reads_badly(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::TypeNotFound { .. }
    )
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Answer(error)
    }
}

/// Sorts by SQLSTATE; the first two characters are its class.
fn of_state(state: &str, message: &str) -> Failed {
    let message = message.to_owned();
    match (state, state.get(..2).unwrap_or_default()) {
        ("MS001", _) => StoreError::Illegal(message).into(),
        ("40001" | "40P01", _) => Failed::Victim(message),
        // "cached plan must not change result type": nothing else of ours is unsupported.
        ("0A000", _) => Failed::Outdated(message),
        ("3F000" | "42P01" | "42883" | "42703" | "42704", _) => Failed::NoSchema,
        (_, "XX") => StoreError::Corrupt(message).into(),
        // Data exceptions, broken constraints, values past a limit of the program.
        (_, "22" | "23" | "54") => Failed::Refused(message),
        _ => Failed::Lost(message),
    }
}

/// Sorts the answer to a statement of the author's: what is not the server's own trouble is the
/// statement's.
pub(super) fn of_author(error: sqlx::Error) -> Failed {
    let sqlx::Error::Database(database) = &error else { return error.into() };
    let code = database.code().unwrap_or_default();
    match (&*code, code.get(..2).unwrap_or_default()) {
        // A statement that was cancelled was too slow, whoever says so.
        ("57014", _) => Failed::Refused(database.message().to_owned()),
        (_, "08" | "25" | "40" | "53" | "57" | "58" | "XX") => error.into(),
        _ => Failed::Refused(database.message().to_owned()),
    }
}

impl Failed {
    /// Returns what a caller hears who sent values of one run, or of none.
    pub(super) fn told(self, run_id: Option<RunId>) -> StoreError {
        match self {
            Self::Lost(why) | Self::Victim(why) | Self::Outdated(why) => {
                StoreError::Unreachable(why)
            }
            Self::Refused(message) => StoreError::Poison { run_id, message },
            Self::NoSchema => StoreError::Schema { found: 0, wanted: super::migrate::WANTED },
            Self::Answer(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_calls_for_its_own_reaction() {
        let told = |state| of_state(state, "why").told(None);
        assert_eq!(told("MS001"), StoreError::Illegal("why".to_owned()));
        assert_eq!(told("22021"), StoreError::Poison { run_id: None, message: "why".to_owned() });
        assert_eq!(told("57P01"), StoreError::Unreachable("why".to_owned()));
        assert_eq!(told("XX001"), StoreError::Corrupt("why".to_owned()));
        assert!(matches!(told("42P01"), StoreError::Schema { found: 0, .. }));
        assert_eq!(of_state("40P01", "why"), Failed::Victim("why".to_owned()));
        assert_eq!(of_state("0A000", "why"), Failed::Outdated("why".to_owned()));
    }
}
