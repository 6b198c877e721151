//! Policy in CEL: rules on granted calls, as data that operators write and review.
//!
//! A [`Bundle`] is a list of rules. Each names a verdict, the tools it is about, and a condition in
//! the Common Expression Language over who asks, which tool, its arguments, their label, what is
//! left of the budget and where the call stands in a plan. The strictest rule that applies wins.
//!
//! # Why a condition cannot do harm
//!
//! CEL has no side effects and always ends, but "always ends" may be in an hour: two nested loops
//! over a list that a model wrote are enough. So every turn of a loop is [metered](condition), and
//! whatever evaluates is [bounded] in time besides. A condition that has no value, is not a truth
//! value, panics or takes too long has no ruling, and a call without a ruling is not made.

pub mod bounded;
pub mod bundle;
#[cfg(feature = "cedar")]
pub mod cedar;
mod condition;
mod leading;
mod patterns;
mod rules;
mod trial;
mod variables;

use std::{sync::Arc, time::Duration};

use mainstay_core::policy::Policy;

pub use bounded::Bounded;
pub use bundle::{Bundle, BundleError, Otherwise, Rule};

use self::{rules::Rules, trial::Trial};

/// How long a ruling may take unless something else is said. What a condition costs is bounded by its
/// meter; this is for a policy that hangs, and long enough that a machine with too much to do denies
/// nothing by being slow.
pub const LIMIT: Duration = Duration::from_secs(5);

/// Compiles a bundle into a policy that answers within `limit`.
///
/// # Errors
/// A rule cannot be read.
pub fn open(bundle: Bundle, limit: Duration) -> Result<Arc<dyn Policy>, BundleError> {
    let enforced = Arc::new(Rules::open(&bundle, bundle.enforced())?);
    let trial = bundle.has_shadows().then(|| Rules::open(&bundle, bundle.rules.iter()));
    Ok(in_time(enforced, trial.transpose()?.map(|trial| Arc::new(trial) as _), limit))
}

/// Puts a policy behind a limit of time, beside what its rules on trial would make of a call.
fn in_time(
    enforced: Arc<dyn Policy>,
    trial: Option<Arc<dyn Policy>>,
    limit: Duration,
) -> Arc<dyn Policy> {
    let enforced = Bounded::new(enforced, limit);
    match trial {
        Some(trial) => Arc::new(Trial::new(enforced, Bounded::new(trial, limit))),
        None => Arc::new(enforced),
    }
}

#[cfg(test)]
mod tests;
