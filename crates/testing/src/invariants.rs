//! What must hold of every run, however often it crashed: the invariants of the design, reckoned
//! anew from the journal and from what reached the world, not asked of the code that wrote it.
//!
//! | | |
//! |---|---|
//! | I1 | positions are 1 to n, and every row covers the one before it |
//! | I2 | after a claim nothing of an older epoch is appended |
//! | I3 | only transitions of the state machine occur |
//! | I4 | an effect has at most one outcome, and every attempt carries the same key |
//! | I5 | spend is the sum of settlements, and never passes a limit |
//! | I6 | what cannot be known is announced before it is done, and put before a person |
//! | I7 | a run that does not run is held by nobody |
//! | I8 | no tool is called without grant, or with other arguments than the journal holds |
//! | I9 | the fold from any checkpoint is the fold from the start, at every position |
//! | I10 | a decision counts once |
//!
//! That state, output and actions are those of an undisturbed run (the rest of I6) is for
//! [`crash`](crate::crash) to compare, and so is what can only be seen while a run is parked.

mod chain;
mod effects;
mod evidence;
mod folds;
mod money;

use mainstay_core::id::RunId;
use mainstay_engine::runtime::Runtime;

use crate::crash::Arrival;
use evidence::Evidence;

/// Returns every invariant that a run breaks, as sentences; empty for a sound run.
///
/// `arrivals` are the calls of tools that reached the world; those of other runs are left out.
pub async fn check(eyes: &Runtime, run_id: RunId, arrivals: &[Arrival]) -> Vec<String> {
    let evidence = match Evidence::gather(eyes, run_id, arrivals).await {
        Ok(evidence) => evidence,
        Err(why) => return vec![format!("the journal of {run_id} cannot be read: {why}")],
    };
    let mut broken = chain::broken(&evidence);
    broken.extend(effects::broken(&evidence));
    broken.extend(money::broken(&evidence));
    broken.extend(folds::broken(&evidence));
    broken
}
