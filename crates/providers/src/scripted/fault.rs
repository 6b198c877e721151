//! Which fault strikes an attempt. It follows from the request and the attempt's number alone.

use std::time::Duration;

use mainstay_core::model::{ModelFailure, ModelRequest};

use super::file::{FaultFile, FaultKind};

/// Returns the fault that strikes this attempt, if any: the list is gone through in order, each
/// entry striking as many attempts as it says.
pub(super) fn due<'f>(
    faults: &'f [FaultFile],
    request: &ModelRequest,
    attempt: u32,
) -> Option<&'f FaultFile> {
    let mut before = 0_u32;
    let share = if faults.iter().any(|fault| fault.one_in > 1) { lot(request) } else { 0 };
    faults.iter().filter(|fault| share.is_multiple_of(u64::from(fault.one_in.max(1)))).find(
        |fault| {
            before = before.saturating_add(fault.times);
            attempt <= before
        },
    )
}

/// A number that looks random and is the same for equal requests.
fn lot(request: &ModelRequest) -> u64 {
    request.digest().as_bytes().iter().take(8).fold(0, |n, byte| (n << 8) | u64::from(*byte))
}

/// Returns the failure that `fault` shows as; `None` if an answer comes nevertheless.
pub(super) fn failure(fault: &FaultFile, patience: Duration) -> Option<ModelFailure> {
    let message = "the script says so".to_owned();
    let retry_after = fault.retry_after_ms.map(Duration::from_millis);
    Some(match fault.error {
        FaultKind::RateLimited => ModelFailure::RateLimited { message, retry_after },
        FaultKind::Unavailable => {
            ModelFailure::Unavailable { message, retry_after, started: false }
        }
        FaultKind::Refused => {
            ModelFailure::Refused { status: fault.status.unwrap_or(400), message }
        }
        FaultKind::Malformed => ModelFailure::Malformed { message },
        FaultKind::Truncated => ModelFailure::Truncated,
        FaultKind::TimedOut => ModelFailure::TimedOut { after: patience },
        FaultKind::MissingUsage => return None,
    })
}

/// Returns whether part of the answer arrives before the fault strikes.
pub(super) fn strikes_midway(fault: &FaultFile) -> bool {
    match fault.error {
        FaultKind::Malformed | FaultKind::Truncated | FaultKind::TimedOut => true,
        FaultKind::RateLimited
        | FaultKind::Unavailable
        | FaultKind::Refused
        | FaultKind::MissingUsage => false,
    }
}
