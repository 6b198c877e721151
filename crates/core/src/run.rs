//! The whole state machine of a run, on one screen.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::journal::Entry;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $terminal:literal;)*) => {
        /// Where a run stands.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum RunStatus { $($(#[$doc])* $name,)* }

        impl RunStatus {
            /// Every status.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the word used in tables, JSON and the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text),* } }

            /// Returns the status with that word.
            #[must_use]
            pub fn read(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }

            /// Returns whether the run has ended. A column of its own, never inferred from an
            /// empty set of next steps.
            #[must_use]
            pub const fn is_terminal(self) -> bool { match self { $(Self::$name => $terminal),* } }
        }
    };
}

statuses! {
    /// Waits for a worker.
    Queued = "queued", false;
    /// A worker drives it.
    Running = "running", false;
    /// Waits for something outside; nothing is held.
    Parked = "parked", false;
    /// Ended with its output.
    Completed = "completed", true;
    /// Ended by a failure; what could be undone was.
    Failed = "failed", true;
    /// Ended by a person; what could be undone was.
    Cancelled = "cancelled", true;
    /// Ended, and something could not be undone.
    Partial = "partial", true;
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry that may not follow in this status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalTransition {
    /// Where the run stood; `None` before its first entry.
    pub status: Option<RunStatus>,
    /// The kind of the entry that came.
    pub entry: &'static str,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or("not yet created", RunStatus::as_str);
        write!(f, "a run that is {status} cannot take the entry `{}`", self.entry)
    }
}

impl std::error::Error for IllegalTransition {}

impl RunStatus {
    /// Returns the status after `entry`, or says why there is none.
    ///
    /// A takeover sets a dead worker's run back to `queued`, and the inbox wakes a parked one, in
    /// the store's row and not by an entry: so `Claimed` may follow every status that is not
    /// terminal.
    ///
    /// # Errors
    /// The entry may not follow.
    pub fn after(status: Option<Self>, entry: &Entry) -> Result<Self, IllegalTransition> {
        use RunStatus as S;
        let illegal = || IllegalTransition { status, entry: entry.kind() };
        let Some(now) = status else {
            let moved = matches!(entry, Entry::Rehomed(_));
            let first = moved || matches!(entry, Entry::Created(_));
            let begins = if moved { S::Parked } else { S::Queued };
            return if first { Ok(begins) } else { Err(illegal()) };
        };
        match (now, entry) {
            (_, Entry::Created(_) | Entry::Rehomed(_)) => Err(illegal()),
            // It waits on, elsewhere.
            (S::Running, Entry::Moved { .. }) => Ok(S::Parked),
            (S::Queued | S::Running | S::Parked, Entry::Claimed { .. }) => Ok(S::Running),
            (S::Running, Entry::Parked { .. }) => Ok(S::Parked),
            (S::Running, Entry::Released) => Ok(S::Queued),
            (S::Running, Entry::Finished(end)) => Ok(end.ending.status()),
            (S::Running, _) => Ok(S::Running),
            (S::Queued | S::Parked | S::Completed | S::Failed | S::Cancelled | S::Partial, _) => {
                Err(illegal())
            }
        }
    }

    /// Returns whether a store may change its row from this status to `next`. Stores hold the
    /// same table as a check of their own.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use RunStatus as S;
        matches!(
            (self, next),
            (S::Queued, S::Running)
                | (S::Running, S::Queued | S::Parked)
                | (S::Running, S::Completed | S::Failed | S::Cancelled | S::Partial)
                | (S::Parked, S::Queued)
        )
    }
}
