//! Payloads that the owner of a run has at hand. Any other is fetched from the store by its digest.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use mainstay_core::{
    digest::{Digest, NotCanonical, reads_back},
    fold::Projection,
    payload::Payload,
};
use serde_json::Value;

/// Payloads that are kept beyond twice those that the run refers to, so that a look at them is
/// seldom.
const ROOM: usize = 64;

/// So many values are kept as they were read or written last: most steps take what the one before
/// them left, and all take the state.
const RECENT: usize = 4;

#[derive(Default)]
pub(super) struct Values {
    known: BTreeMap<Digest, Payload>,
    recent: VecDeque<(Digest, Arc<Value>)>,
    /// How many the run referred to at the last look.
    wanted: usize,
}

impl Values {
    pub(super) fn keep(&mut self, payload: &Payload) {
        self.known.insert(payload.digest(), payload.clone());
    }

    pub(super) fn get(&self, digest: &Digest) -> Option<&Payload> {
        self.known.get(digest)
    }

    /// Returns a value that was read or written lately.
    pub(super) fn recent(&self, digest: &Digest) -> Option<Arc<Value>> {
        let found = self.recent.iter().find(|(recent, _)| recent == digest);
        found.map(|(_, value)| Arc::clone(value))
    }

    /// Reads a payload, and keeps what it says.
    pub(super) fn read(&mut self, payload: &Payload) -> Result<Arc<Value>, NotCanonical> {
        let value = Arc::new(payload.read()?);
        self.keep_recent(payload.digest(), Arc::clone(&value));
        Ok(value)
    }

    /// Keeps a value that was written as a payload, if reading that would give the same: a run that
    /// is resumed reads it.
    pub(super) fn keep_written(&mut self, digest: Digest, value: Value) {
        if reads_back(&value) {
            self.keep_recent(digest, Arc::new(value));
        }
    }

    fn keep_recent(&mut self, digest: Digest, value: Arc<Value>) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((digest, value));
    }

    /// Drops what the run does not refer to any more, once there is much of it. Only for what is
    /// durable: what comes back is asked of the store.
    pub(super) fn tidy(&mut self, run: &Projection) {
        if self.known.len() <= ROOM + 2 * self.wanted {
            return;
        }
        let wanted: BTreeSet<_> = run.held().map(|held| held.payload.digest).collect();
        self.known.retain(|digest, _| wanted.contains(digest));
        self.wanted = self.known.len();
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::{
        budget::Limits,
        flow::{FlowDefinition, schedule::Wiring},
        id::RunId,
        journal::Created,
        time::Timestamp,
    };
    use serde_json::json;

    use super::*;

    fn number(n: u32) -> Payload {
        Payload::of(&n).unwrap()
    }

    /// A run whose input is 0 and whose state is 1.
    fn run() -> Projection {
        let wiring = Wiring::of(FlowDefinition {
            name: "desk".to_owned(),
            version: 1,
            description: String::new(),
            state_schema: Value::Null,
            steps: Vec::new(),
        });
        let created = Created {
            flow: wiring.definition().flow_version(),
            tenant: "default".to_owned(),
            input: number(0).reference(Default::default()),
            state: number(1).reference(Default::default()),
            key_root: Digest::ZERO,
            limits: Limits::none(),
            requested_by: None,
            tags: Default::default(),
            parent: None,
            forked: None,
        };
        let at = Timestamp::from_millis(1);
        Projection::begin(RunId::new(at, [1; 10]), &created, at, &wiring)
    }

    #[test]
    fn the_last_values_are_kept_as_they_are_unless_they_would_be_read_as_others() {
        let mut values = Values::default();
        let written = |value: Value| (Payload::of(&value).unwrap(), value);
        let (whole, one) = written(json!({"n": 1}));
        values.keep_written(whole.digest(), one.clone());
        assert_eq!(values.recent(&whole.digest()).as_deref(), Some(&one));
        let (fraction, float) = written(json!({"n": 1.0}));
        assert_eq!(fraction, whole, "it is written like the other");
        let mut others = Values::default();
        others.keep_written(fraction.digest(), float);
        assert_eq!(others.recent(&fraction.digest()), None);
        assert_eq!(*others.read(&fraction).unwrap(), one, "as whoever resumes the run reads it");
        for n in 0..4 {
            values.read(&number(n)).unwrap();
        }
        assert_eq!(values.recent(&whole.digest()), None, "four others came after it");
    }

    #[test]
    fn what_the_run_refers_to_stays_at_hand_and_the_rest_does_not_pile_up() {
        let (mut values, run) = (Values::default(), run());
        for n in 0..1_000 {
            values.keep(&number(n));
            values.tidy(&run);
            assert!(values.known.len() <= ROOM + 4, "{} are kept", values.known.len());
        }
        for n in 0..2 {
            assert_eq!(values.get(&number(n).digest()), Some(&number(n)));
        }
    }
}
