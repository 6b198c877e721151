//! Whether one call has left: what decides between *unavailable* and *may have acted*.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

const WAITING: u8 = 0;
const SENT: u8 = 1;
const NOT_SENT: u8 = 2;

/// Travels with a call to the place where it is written, and is asked when no answer comes.
#[derive(Debug, Clone, Default)]
pub(super) struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// Claims that the call is being sent now. Returns whether it still may: one whose caller has
    /// gone is not sent late.
    pub(super) fn depart(&self) -> bool {
        self.0.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Says that nothing of it reached the other side after all.
    pub(super) fn stayed(&self) {
        self.0.store(NOT_SENT, Ordering::Release);
    }

    /// Gives up a call that has not left yet.
    pub(super) fn abandon(&self) {
        let _ = self.0.compare_exchange(WAITING, NOT_SENT, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Returns whether the other side may have seen the call.
    pub(super) fn may_have_arrived(&self) -> bool {
        self.0.load(Ordering::Acquire) == SENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_whose_caller_has_gone_is_not_sent_late() {
        let ticket = Ticket::default();
        ticket.abandon();
        assert!(!ticket.depart() && !ticket.may_have_arrived());
    }

    #[test]
    fn what_has_left_may_have_arrived_whoever_gives_it_up() {
        let ticket = Ticket::default();
        assert!(ticket.depart());
        ticket.abandon();
        assert!(ticket.may_have_arrived());
    }
}
