//! Effect classes: what repeating a call would do, and so what a crash in the middle of one means.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How long the other side recognises an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyValidity {
    /// As long as it keeps the thing itself.
    Forever,
    /// For a time after it first saw the key.
    For(Duration),
}

/// What repeating a call would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// It changes nothing: a repeat is harmless.
    Read,
    /// The other side recognises a repeat by its key.
    Idempotent {
        /// For how long.
        key_valid_for: KeyValidity,
    },
    /// The other side can be asked whether it happened.
    Reconcilable {
        /// How long after a call took effect it may still look as if it had not.
        visible_within: Duration,
    },
    /// A repeat would act twice, and nobody can be asked.
    #[default]
    AtMostOnce,
    /// Rows in the run's own database, written in the step's own transaction: exactly once. Steps
    /// write them themselves (`cx.write`); a tool's call is no part of that transaction, so no
    /// tool may declare it.
    Local,
}

/// Whether what was done can be undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversibility {
    /// Another call undoes it.
    Reversible,
    /// Nothing does.
    #[default]
    Irreversible,
}

/// When a call was sent, as its intent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When its first attempt was sent, by the store's clock.
    pub first_sent_at: Timestamp,
    /// The call cannot take effect after this.
    pub not_after: Timestamp,
}

/// What to do about a call of which nobody knows whether it acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// Call again, with the same key and the same arguments.
    CallAgain,
    /// Ask the other side. *Happened* counts at once, *absent* only from the time on; until then
    /// the run waits and asks again. Once absent counts, call again.
    Reconcile {
        /// From when on *absent* is the truth.
        absent_counts_from: Timestamp,
    },
    /// Put it before a person.
    InDoubt,
}

impl EffectClass {
    /// Returns whether an intent must be committed before a call is sent.
    #[must_use]
    pub const fn needs_intent(&self, reversibility: Reversibility) -> bool {
        match self {
            Self::Read | Self::Local => false,
            Self::Idempotent { key_valid_for: KeyValidity::For(_) } => true,
            Self::Idempotent { key_valid_for: KeyValidity::Forever } => {
                matches!(reversibility, Reversibility::Irreversible)
            }
            Self::Reconcilable { .. } | Self::AtMostOnce => true,
        }
    }

    /// Returns whether a call that may have acted can be sent again at once with the same key.
    #[must_use]
    pub const fn repeat_is_harmless(&self) -> bool {
        match self {
            Self::Read | Self::Idempotent { .. } | Self::Local => true,
            Self::Reconcilable { .. } | Self::AtMostOnce => false,
        }
    }

    /// Returns what to do about a call without an outcome: after a crash, or when the last attempt
    /// may have acted. `timeout` is one attempt's; a key that could lapse while the repeat is under
    /// way no longer counts.
    #[must_use]
    pub fn recovery(&self, sent: Sent, timeout: Duration, now: Timestamp) -> Recovery {
        match *self {
            Self::Read | Self::Local => Recovery::CallAgain,
            Self::Idempotent { key_valid_for: KeyValidity::Forever } => Recovery::CallAgain,
            Self::Idempotent { key_valid_for: KeyValidity::For(span) } => {
                let in_time = now.after(timeout) < sent.first_sent_at.after(span);
                if in_time { Recovery::CallAgain } else { Recovery::InDoubt }
            }
            Self::Reconcilable { visible_within } => {
                Recovery::Reconcile { absent_counts_from: sent.not_after.after(visible_within) }
            }
            Self::AtMostOnce => Recovery::InDoubt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const FOREVER: EffectClass = EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };
    const AN_HOUR: EffectClass = EffectClass::Idempotent { key_valid_for: KeyValidity::For(HOUR) };
    const FOUND_AFTER: EffectClass =
        EffectClass::Reconcilable { visible_within: Duration::from_secs(60) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn recovery(class: EffectClass, now: Timestamp) -> Recovery {
        let sent = Sent { first_sent_at: at(0), not_after: at(5) };
        class.recovery(sent, Duration::from_secs(5), now)
    }

    #[test]
    fn intents_follow_the_table() {
        use Reversibility::{Irreversible, Reversible};
        let table = [
            (EffectClass::Read, false, false),
            (FOREVER, false, true),
            (AN_HOUR, true, true),
            (FOUND_AFTER, true, true),
            (EffectClass::AtMostOnce, true, true),
            (EffectClass::Local, false, false),
        ];
        for (class, reversible, irreversible) in table {
            assert_eq!(class.needs_intent(Reversible), reversible, "{class:?}");
            assert_eq!(class.needs_intent(Irreversible), irreversible, "{class:?}");
        }
    }

    #[test]
    fn a_key_that_could_lapse_during_the_repeat_is_not_used_again() {
        assert_eq!(recovery(AN_HOUR, at(3_594)), Recovery::CallAgain);
        assert_eq!(recovery(AN_HOUR, at(3_595)), Recovery::InDoubt);
        assert_eq!(recovery(FOREVER, at(1_000_000)), Recovery::CallAgain);
    }

    #[test]
    fn absent_counts_only_once_the_call_cannot_appear_any_more() {
        assert_eq!(
            recovery(FOUND_AFTER, at(1)),
            Recovery::Reconcile { absent_counts_from: at(65) }
        );
    }

    #[test]
    fn what_acts_at_most_once_is_never_sent_again() {
        assert_eq!(recovery(EffectClass::AtMostOnce, at(0)), Recovery::InDoubt);
        assert_eq!(recovery(EffectClass::Read, at(0)), Recovery::CallAgain);
        assert_eq!(recovery(EffectClass::Local, at(0)), Recovery::CallAgain);
    }

    #[test]
    fn the_journaled_form_does_not_change() {
        let json = |class: EffectClass| serde_json::to_string(&class).unwrap();
        assert_eq!(json(EffectClass::AtMostOnce), r#""at_most_once""#);
        assert_eq!(json(FOREVER), r#"{"idempotent":{"key_valid_for":"forever"}}"#);
        assert_eq!(
            json(AN_HOUR),
            r#"{"idempotent":{"key_valid_for":{"for":{"secs":3600,"nanos":0}}}}"#
        );
    }
}
