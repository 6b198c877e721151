//! What SQLite's answers mean to a caller.

use mainstay_core::{id::RunId, store::StoreError};

use super::schema::WANTED;

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NO_MEMORY: i32 = 7;
const READ_ONLY: i32 = 8;
const INTERRUPTED: i32 = 9;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const TOO_BIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;
const NOT_A_DATABASE: i32 = 26;
const CONSTRAINT_TRIGGER: i32 = 1_811;

/// Translates an error of the driver.
#[expect(clippy::wildcard_enum_match_arm, reason = "the driver's own list, not ours")]
pub(super) fn store_error(error: sqlx::Error) -> StoreError {
    let text = error.to_string();
    let answer = match error {
        sqlx::Error::Database(answer) => answer,
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::RowNotFound => return StoreError::Corrupt(text),
        _ => return StoreError::Unreachable(text),
    };
    let message = answer.message().to_owned();
    let code = code_of(&*answer);
    // The low byte is the class, the rest says more about it.
    match code & 0xff {
        BUSY | LOCKED => StoreError::Locked(message),
        CORRUPT | NOT_A_DATABASE => StoreError::Corrupt(message),
        CONSTRAINT if code == CONSTRAINT_TRIGGER => StoreError::Illegal(message),
        CONSTRAINT | TOO_BIG | MISMATCH => StoreError::Poison { run_id: None, message },
        _ if message.starts_with("no such table: mainstay_") => {
            StoreError::Schema { found: 0, wanted: WANTED }
        }
        _ => StoreError::Unreachable(message),
    }
}

fn code_of(answer: &dyn sqlx::error::DatabaseError) -> i32 {
    answer.code().and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// Translates the answer to a statement of the author's: what is not the file's own trouble is the
/// statement's.
pub(super) fn refusal(run_id: RunId, error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(answer) = &error else { return store_error(error) };
    match code_of(&**answer) & 0xff {
        BUSY | LOCKED | NO_MEMORY | READ_ONLY | INTERRUPTED | IO | CORRUPT | FULL | CANNOT_OPEN
        | NOT_A_DATABASE => store_error(error),
        _ => StoreError::Poison { run_id: Some(run_id), message: answer.message().to_owned() },
    }
}
