//! How a model call fails. A variant exists because somebody does something else about it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ModelName, Onward};
use crate::{
    code::Code,
    failure::{Failure, Retryability},
    schema::SchemaError,
};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ModelFailure {
    /// The vendor cannot be reached, or answers 408, 409 or 5xx.
    Unavailable {
        /// What was seen.
        message: String,
        /// How long the vendor asks us to wait.
        #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
        /// Whether the vendor may have begun to work on an answer, and may charge for it.
        #[serde(default)]
        started: bool,
    },
    /// The vendor answers 429.
    RateLimited {
        /// What the vendor says.
        message: String,
        /// How long the vendor asks us to wait.
        #[serde(default, with = "millis", skip_serializing_if = "Option::is_none")]
        retry_after: Option<Duration>,
    },
    /// The vendor answers any other 4xx: the same request would be refused again.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the vendor says.
        message: String,
    },
    /// The answer, or a piece of it, cannot be read.
    Malformed {
        /// What was seen.
        message: String,
    },
    /// The stream ended without its finish marker: what came is not an answer.
    Truncated,
    /// Nothing came for too long, or the call's deadline passed.
    TimedOut {
        /// How long was waited.
        #[serde(with = "whole_millis")]
        after: Duration,
    },
    /// The answer does not fit the schema, and telling the model so did not help.
    Schema {
        /// What does not fit in the last answer.
        errors: Vec<SchemaError>,
        /// How many answers were tried.
        attempts: u32,
    },
    /// No provider serves the model, or the tier has none.
    Unknown {
        /// What was asked for.
        model: ModelName,
    },
    /// The model has no price, and a limit on money is set.
    Unpriced {
        /// What was asked for.
        model: ModelName,
    },
    /// No rule of the scripted model fits the request.
    NoRule {
        /// What was asked, and of which script.
        message: String,
    },
    /// The cassette holds no exchange for the request.
    NotRecorded {
        /// What was asked, of which cassette, and what in it comes closest.
        message: String,
    },
    /// The call failed when the cassette was recorded, and so it does again.
    Recorded {
        /// The failure of then.
        failure: Failure,
    },
}

impl ModelFailure {
    /// Returns the stable code that people see.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unavailable { .. } | Self::RateLimited { .. } | Self::TimedOut { .. } => {
                Code::ModelUnavailable
            }
            Self::Refused { .. } => Code::ModelRefused,
            Self::Malformed { .. } => Code::ModelMalformed,
            Self::Truncated => Code::ModelTruncated,
            Self::Schema { .. } => Code::ModelSchema,
            Self::Unknown { .. } => Code::ModelUnknown,
            Self::Unpriced { .. } => Code::ModelUnpriced,
            Self::NoRule { .. } => Code::ScriptNoRule,
            Self::NotRecorded { .. } => Code::NotRecorded,
            Self::Recorded { failure } => failure.code,
        }
    }

    /// Returns whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. }
            | Self::RateLimited { .. }
            | Self::Malformed { .. }
            | Self::Truncated
            | Self::TimedOut { .. } => true,
            Self::Recorded { failure } => matches!(failure.retry, Retryability::Retryable),
            Self::Refused { .. }
            | Self::Schema { .. }
            | Self::Unknown { .. }
            | Self::Unpriced { .. }
            | Self::NoRule { .. }
            | Self::NotRecorded { .. } => false,
        }
    }

    /// Returns who may be asked after this: the table of the fallback chain.
    ///
    /// | failure | who may be asked | because |
    /// |---|---|---|
    /// | unavailable, 429, malformed, truncated, timed out | anyone | it says nothing about the request |
    /// | refused with 401, 402, 403, 404 | others | the vendor refuses our key, account or model name |
    /// | refused with another 4xx | nobody | the request is at fault; another vendor need not see it |
    /// | a filter's refusal of the prompt | nobody | shopping for a vendor without a filter is not ours to do |
    /// | the answer does not fit its schema | nobody | the model was told and tried again already |
    /// | unknown, unpriced | nobody | the configuration is at fault, before anybody was asked |
    /// | recorded in a cassette | anyone, or others where it was for good | whoever was asked next then stands in the cassette too |
    /// | no answer in a cassette | nobody | nothing is asked that was not recorded |
    /// | no rule of a script | nobody | a script that does not know a question is a test's error |
    ///
    /// A filter that ends an answer is no failure at all: the reply says `filtered`.
    #[must_use]
    pub const fn onward(&self) -> Onward {
        match self {
            Self::Unavailable { .. }
            | Self::RateLimited { .. }
            | Self::Malformed { .. }
            | Self::Truncated
            | Self::TimedOut { .. } => Onward::Anyone,
            Self::Refused { status: 401..=404, .. } => Onward::Others,
            Self::Recorded { failure } => match failure.retry {
                Retryability::Retryable => Onward::Anyone,
                Retryability::Permanent => Onward::Others,
            },
            Self::Refused { .. }
            | Self::Schema { .. }
            | Self::Unknown { .. }
            | Self::Unpriced { .. }
            | Self::NoRule { .. }
            | Self::NotRecorded { .. } => Onward::Nobody,
        }
    }

    /// Returns how long the vendor asks us to wait before the next attempt.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } | Self::RateLimited { retry_after, .. } => {
                *retry_after
            }
            // Nobody has to be waited for again.
            Self::Recorded { .. }
            | Self::NotRecorded { .. }
            | Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::Truncated
            | Self::TimedOut { .. }
            | Self::Schema { .. }
            | Self::Unknown { .. }
            | Self::Unpriced { .. }
            | Self::NoRule { .. } => None,
        }
    }

    /// Returns whether the vendor may have worked, and charged, although no answer came. Then the
    /// call's reservation counts as spent: what is not known is not free.
    #[must_use]
    pub const fn may_have_cost(&self) -> bool {
        match self {
            Self::Unavailable { started, .. } => *started,
            Self::Malformed { .. } | Self::Truncated | Self::TimedOut { .. } => true,
            Self::RateLimited { .. }
            | Self::Refused { .. }
            | Self::Schema { .. }
            | Self::Unknown { .. }
            | Self::Unpriced { .. }
            | Self::NoRule { .. }
            | Self::NotRecorded { .. }
            | Self::Recorded { .. } => false,
        }
    }
}

impl fmt::Display for ModelFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { message, .. } => write!(f, "the vendor does not answer: {message}"),
            Self::RateLimited { message, .. } => write!(f, "too many requests: {message}"),
            Self::Refused { status, message } => write!(f, "refused with {status}: {message}"),
            Self::Malformed { message } => write!(f, "unreadable answer: {message}"),
            Self::Truncated => f.write_str("the stream ended without its finish marker"),
            Self::TimedOut { after } => write!(f, "no answer within {after:?}"),
            Self::Schema { errors, attempts } => {
                write!(f, "after {attempts} attempts the answer does not fit its schema")?;
                errors.iter().take(3).try_for_each(|error| write!(f, "; {error}"))
            }
            Self::Unknown { model } => write!(f, "no provider serves `{model}`"),
            Self::Unpriced { model } => {
                write!(f, "`{model}` has no price, so a limit on money cannot be kept")
            }
            Self::NoRule { message } | Self::NotRecorded { message } => f.write_str(message),
            Self::Recorded { failure } => f.write_str(&failure.message),
        }
    }
}

impl std::error::Error for ModelFailure {}

/// A span as whole milliseconds, rounded up: waiting a little longer is never wrong.
pub(super) mod whole_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::model) fn serialize<S: Serializer>(
        span: &Duration,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = span.as_micros().div_ceil(1_000);
        s.serialize_u64(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    pub(in crate::model) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_millis)
    }
}

/// The same, where there may be none.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        span: &Option<Duration>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        match span {
            Some(span) => super::whole_millis::serialize(span, s),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(d)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_failure_reads_back_from_the_journal() {
        let failure = ModelFailure::RateLimited {
            message: "slow down".into(),
            retry_after: Some(Duration::from_millis(1_500)),
        };
        let written = serde_json::to_value(&failure).unwrap();
        assert_eq!(
            written,
            json!({"kind": "rate_limited", "message": "slow down", "retry_after": 1500})
        );
        assert_eq!(serde_json::from_value::<ModelFailure>(written).unwrap(), failure);
        let silent = json!({"kind": "unavailable", "message": "503"});
        let failure = serde_json::from_value::<ModelFailure>(silent).unwrap();
        assert_eq!((failure.retry_after(), failure.is_retryable()), (None, true));
    }
}
