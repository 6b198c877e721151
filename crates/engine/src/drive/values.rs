//! Payloads that the owner of a run has at hand. Any other is fetched from the store by its digest.

use std::collections::{BTreeMap, BTreeSet};

use mainstay_core::{digest::Digest, fold::Projection, payload::Payload};

/// Payloads that are kept beyond twice those that the run refers to, so that a look at them is
/// seldom.
const ROOM: usize = 64;

#[derive(Default)]
pub(super) struct Values {
    known: BTreeMap<Digest, Payload>,
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
            state_schema: serde_json::Value::Null,
            steps: Vec::new(),
        });
        let created = Created {
            flow: wiring.definition().flow_version(),
            tenant: "default".to_owned(),
            input: number(0).reference(Default::default()),
            state: number(1).reference(Default::default()),
            key_root: Digest::ZERO,
            limits: Limits::none(),
            tags: Default::default(),
            parent: None,
            forked: None,
        };
        let at = Timestamp::from_millis(1);
        Projection::begin(RunId::new(at, [1; 10]), &created, at, &wiring)
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
