//! What may not be done yet for a run that was taken over early.
//!
//! Its last owner was taken for dead while its lease still held: it can append nothing any more,
//! but a call of its may still be on its way. So until that lease has passed no open intent is
//! resolved and nothing is launched but what only reads. What a step asks for meanwhile waits here,
//! in its order, and is then asked for again.

use std::time::Duration;

use mainstay_core::{
    effect::StepKey,
    tool::{EffectClass, ToolCatalog},
};

use super::{Drive, OpenStep, Stop};
use crate::context::{Ask, Callee, Request};

/// The wishes that wait, and until when, on the clock that knows no suspend.
pub(super) struct Caution {
    until: Duration,
    asks: Vec<(StepKey, Request, Ask)>,
}

impl Caution {
    /// Begins at `boot`, which is not before the claim was answered.
    pub(super) fn new(boot: Duration, reads_only_for: Duration) -> Self {
        Self { until: boot.saturating_add(reads_only_for), asks: Vec::new() }
    }

    /// Returns how long it still lasts; `None` once it is over.
    pub(super) fn left(&self, boot: Duration) -> Option<Duration> {
        self.until.checked_sub(boot).filter(|left| !left.is_zero())
    }

    /// Returns whether a step waits for its end.
    pub(super) const fn holds_a_step(&self) -> bool {
        !self.asks.is_empty()
    }
}

fn only_reads(tools: &dyn ToolCatalog, callee: &Callee) -> bool {
    match callee {
        Callee::Model(_) | Callee::Once(_) => true,
        // One that nobody knows is refused, not called.
        Callee::Tool { name, .. } => {
            tools.get(name).is_none_or(|tool| tool.spec().effect == EffectClass::Read)
        }
    }
}

impl Drive {
    /// Keeps a wish that must wait; returns it if it need not.
    pub(super) fn unless_too_early(
        &mut self,
        key: &StepKey,
        request: Request,
        ask: Ask,
        sent: bool,
    ) -> Option<(Request, Ask)> {
        let early = self.caution.left(self.desk.runtime.clock.boot()).is_some();
        let acts = match &ask {
            Ask::Call(callee) => sent || !only_reads(self.desk.runtime.tools.as_ref(), callee),
            Ask::Wait(_)
            | Ask::Now
            | Ask::Random
            | Ask::Patch
            | Ask::Endorse { .. }
            | Ask::Emit { .. }
            | Ask::Write(_)
            | Ask::Open { .. } => false,
        };
        if early && acts {
            // An attempt that is tried again asks for the same once more.
            self.caution.asks.retain(|(_, held, _)| held.position != request.position);
            self.caution.asks.push((key.clone(), request, ask));
            return None;
        }
        Some((request, ask))
    }

    /// Asks again for what had to wait, once it need not; what is over asks for nothing.
    pub(super) async fn ask_what_waited(&mut self) -> Result<(), Stop> {
        if self.caution.left(self.desk.runtime.clock.boot()).is_some() {
            return Ok(());
        }
        for (key, request, ask) in std::mem::take(&mut self.caution.asks) {
            let asked = |step: &OpenStep| !step.is_over() && step.asked.contains(&request.position);
            if self.open.get(&key).is_some_and(asked) {
                self.ask(&key, request, ask).await?;
            }
        }
        Ok(())
    }
}
