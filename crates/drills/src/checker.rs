//! The checker: does every unfinished run have the one row that says why it is not running?
//!
//! At the end of a drill most runs are over and there is little to ask about. So it is asked while
//! workers are dead, frozen or parted, and the worst that it ever said is kept.

use crate::place::Office;

/// What the checker said so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checker {
    /// Times it was asked and answered.
    pub looks: usize,
    /// The most unfinished runs without a reason that it ever saw at once.
    pub unexplained_ever: usize,
}

impl Checker {
    /// Asks once. A store that does not answer now is asked again the next time.
    pub async fn look(&mut self, office: &Office) {
        if let Ok(runs) = office.runtime.store.unexplained(()).await {
            self.looks += 1;
            self.unexplained_ever = self.unexplained_ever.max(runs.len());
        }
    }
}
