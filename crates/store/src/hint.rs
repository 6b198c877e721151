//! Which operations make a run ready, so that a worker that looks now finds it.

use mainstay_core::store::operation::{
    Append, CreatedRun, Decided, Delivered, FiredTimers, Reply, RowChange,
};

/// Returns whether a run may be ready that was not.
pub(crate) const fn makes_ready(reply: &Reply) -> bool {
    matches!(
        reply,
        Reply::CreateRun(CreatedRun::Created)
            | Reply::Deliver(Delivered::Accepted { woke: true, .. })
            | Reply::Decide(Decided::Counted(_))
            | Reply::FireTimers(FiredTimers { fired: 1.., .. })
            | Reply::TakeOver(1..)
            | Reply::CloseSession(1..)
    )
}

/// Returns whether one of these parts gives its run back to the queue.
pub(crate) fn gives_back(parts: &[Append]) -> bool {
    let back =
        |part: &Append| matches!(part.change, RowChange::Release { .. } | RowChange::Move { .. });
    parts.iter().any(back)
}
