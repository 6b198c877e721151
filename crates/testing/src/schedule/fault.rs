//! What can go wrong at a place, in operation.

use std::{fmt, time::Duration};

use mainstay_store::conformance::Draw;

use crate::crash::{Variant, fuse::Manner};

/// One thing that goes wrong when a call crosses the border of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies, the answer or the request is lost, or the request comes twice.
    Strike(Variant),
    /// The request is on its way for this long.
    SlowRequest(Duration),
    /// The answer is on its way for this long.
    SlowAnswer(Duration),
    /// The process learns nothing for this long, and then goes on: its leases may be others'.
    Halt(Duration),
    /// Hints and rounds of polling find nothing for this long: every wake-up is lost.
    Deaf(Duration),
    /// The process's wall clock is off by so many microseconds from here on.
    WallClock(i64),
    /// This much time passes at once for everybody, as when all machines were suspended.
    Leap(Duration),
}

impl Fault {
    /// The kinds, as reports count them.
    pub const KINDS: [&'static str; 11] = [
        "before",
        "after",
        "answer_lost",
        "refused",
        "repeated",
        "slow_request",
        "slow_answer",
        "halt",
        "deaf",
        "wall_clock",
        "leap",
    ];

    /// Returns its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Strike(variant) => variant.as_str(),
            Self::SlowRequest(_) => "slow_request",
            Self::SlowAnswer(_) => "slow_answer",
            Self::Halt(_) => "halt",
            Self::Deaf(_) => "deaf",
            Self::WallClock(_) => "wall_clock",
            Self::Leap(_) => "leap",
        }
    }

    /// Draws a fault.
    ///
    /// A request is never so slow that it outlives its call's deadline: nobody can keep an action
    /// from happening that is still on its way, but the one who receives it.
    pub(super) fn drawn(draw: &mut Draw) -> Self {
        let mut up_to = |milliseconds| Duration::from_millis(1 + draw.below(milliseconds));
        let (short, long, leap) = (up_to(2_000), up_to(9_000), up_to(600_000));
        match draw.below(16) {
            0 | 1 => Self::Strike(Variant::Before),
            2 | 3 => Self::Strike(Variant::After),
            4 | 5 => Self::Strike(Variant::AnswerLost),
            6 => Self::Strike(Variant::Refused),
            7 => Self::Strike(Variant::Repeated),
            8 => Self::SlowRequest(short),
            9 | 10 => Self::SlowAnswer(long),
            11 | 12 => Self::Halt(long),
            13 => Self::Deaf(long),
            14 => {
                let off = i64::try_from(leap.as_micros()).unwrap_or(0);
                Self::WallClock(if draw.one_in(2) { off } else { -off })
            }
            _ => Self::Leap(leap),
        }
    }

    /// Returns what of it can happen at such a point.
    pub(crate) fn fitting(self, manner: Manner) -> Option<Self> {
        match self {
            Self::Strike(variant) if manner.allows(variant) => Some(self),
            Self::Strike(Variant::Before) => Some(Self::Strike(Variant::After)),
            Self::Strike(Variant::Refused) => Some(Self::Strike(Variant::AnswerLost)),
            Self::Strike(_) => None,
            _ => Some(self),
        }
    }

    /// Whether the caller lives to see an error, or gives the call up.
    pub(crate) const fn is_seen_by_the_caller(&self) -> bool {
        matches!(
            self,
            Self::Strike(Variant::AnswerLost | Variant::Refused)
                | Self::SlowRequest(_)
                | Self::SlowAnswer(_)
                | Self::Halt(_)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Strike(_) => Ok(()),
            Self::SlowRequest(span)
            | Self::SlowAnswer(span)
            | Self::Halt(span)
            | Self::Deaf(span)
            | Self::Leap(span) => write!(f, " {span:?}"),
            Self::WallClock(micros) => write!(f, " {} ms", micros / 1_000),
        }
    }
}
