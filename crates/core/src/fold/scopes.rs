//! The fold's half about scopes: which stand around an effect, and what was used in each.

use serde::{Deserialize, Serialize};

use super::{FoldError, Projection, effects::EffectRecord, steps::StepRun};
use crate::{
    budget::{Limits, Spend},
    effect::EffectPosition,
    effects::{Scope, ScopeKind},
    journal::EffectSettled,
};

/// How deep an agent stands within the run or a scope, and how deep it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// How deep it stands.
    pub level: u64,
    /// The limits there.
    pub limits: Limits,
    /// The scope whose limits they are; the run's when absent.
    pub within: Option<String>,
}

/// A scope that was opened, and what its effects have used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeRecord {
    /// What it is.
    pub scope: Scope,
    /// What its effects have used, those of scopes inside it too. Running time is that of its calls,
    /// each counted by itself.
    #[serde(default)]
    pub spent: Spend,
}

impl ScopeRecord {
    pub(super) fn new(scope: &Scope) -> Self {
        Self { scope: scope.clone(), spent: Spend::ZERO }
    }
}

impl StepRun {
    /// Returns what was opened at each of the places [`around`](EffectPosition::around) a place: a
    /// scope, or arms that are none.
    pub fn openings_around(
        &self,
        position: &EffectPosition,
    ) -> impl Iterator<Item = Option<&ScopeRecord>> {
        position.around().map(|opening| {
            let opened = self.effects.iter().find(|effect| effect.position == opening);
            opened.and_then(|effect| effect.scope.as_deref())
        })
    }

    /// Returns the scopes around a place, outermost first.
    pub fn scopes_around(&self, position: &EffectPosition) -> impl Iterator<Item = &ScopeRecord> {
        self.openings_around(position).flatten()
    }

    /// Returns what limits a scope as of now: its own limits, and what a person added since.
    #[must_use]
    pub fn limits_of(&self, record: &ScopeRecord) -> Limits {
        record.scope.limits.raised_by(&self.topped_up)
    }

    pub(super) fn spend_in_scopes(&mut self, position: &EffectPosition, spent: &Spend) {
        let around: Vec<_> = position.around().collect();
        for record in self.scopes_mut(|effect| around.contains(&effect.position)) {
            record.spent = record.spent.plus(spent);
        }
    }

    /// What a crash hid may have been used in any of its scopes, and counts in each.
    pub(super) fn spend_unknown(&mut self, unknown: &Spend) {
        self.spent = self.spent.plus(unknown);
        for record in self.scopes_mut(|_| true) {
            record.spent = record.spent.plus(unknown);
        }
    }

    fn scopes_mut(
        &mut self,
        wanted: impl Fn(&EffectRecord) -> bool,
    ) -> impl Iterator<Item = &mut ScopeRecord> {
        let effects = self.effects.iter_mut().filter(move |effect| wanted(effect));
        effects.filter_map(|effect| effect.scope.as_deref_mut())
    }
}

impl Projection {
    /// Returns how deep agents are nested at a place: within the run, and within each scope around
    /// it that limits depth, with the limit. An agent that a step calls stands at the run's own
    /// depth, its delegate one level deeper.
    #[must_use]
    pub fn levels(&self, position: &EffectPosition) -> Vec<Level> {
        let step = self.step(&position.step);
        let around: Vec<_> = step.iter().flat_map(|step| step.scopes_around(position)).collect();
        let agents = |records: &[&ScopeRecord]| {
            let agents = records.iter().filter(|record| record.scope.kind == ScopeKind::Agent);
            u64::try_from(agents.count()).unwrap_or(u64::MAX)
        };
        let level = u64::from(self.depth()) + agents(&around);
        let mut levels = vec![Level { level, limits: *self.ledger.limits(), within: None }];
        for (outer, record) in around.iter().enumerate() {
            let inside = around.get(outer + 1..).unwrap_or_default();
            let limits = step.map(|step| step.limits_of(record)).unwrap_or_default();
            let within = Some(record.scope.to_string());
            levels.push(Level { level: agents(inside) + 1, limits, within });
        }
        levels
    }

    /// Running time counts in the scopes around a call from its first try to its outcome; but a call
    /// in doubt may wait for days, and then the run itself was not running.
    pub(super) fn count_running(&mut self, settled: &EffectSettled) -> Result<(), FoldError> {
        let micros = self.at.since(settled.started_at).as_micros();
        let wall = u64::try_from(micros.div_ceil(1_000)).unwrap_or(u64::MAX);
        let wall = wall.min(self.ledger.total_spent().wall);
        let spent = Spend { wall, ..Spend::ZERO };
        self.step_mut(&settled.position.step)?.spend_in_scopes(&settled.position, &spent);
        Ok(())
    }
}
