//! The single effect pipeline, for models and tools alike:
//! grant → schema → labels, policy and a person's approval → budget → cache → rate limit → breaker →
//! durability of what came before, or intent → call with deadline and retries → outcome with
//! settlement.

use std::{sync::Arc, time::Duration};

use mainstay_core::{
    budget::{Reservation, Settlement},
    code::Code,
    effect::EffectPosition,
    failure::Failure,
    journal::Entry,
    model::Onward,
    time::Timestamp,
    tool::{Denial, DenialReason, EffectClass, Grants, TookEffect, Tool, ToolSpec, gate},
};
use serde_json::Value;

use super::{
    Drive, Stop,
    call::{Attempt, Call, CallEnd, Charge, Target},
    exchange::Sent,
    govern::Governed,
    input::Heard,
    spend::NotReserved,
};
use crate::context::{Callee, Request};

/// What the commit of an intent may take before its call has less time for it.
const COMMIT: Duration = Duration::from_secs(1);

impl Drive {
    /// Sends an effect down the pipeline.
    pub(super) async fn call(&mut self, request: Request, callee: Callee) -> Result<(), Stop> {
        match self.target(&request.position, callee) {
            Ok(Target::Tool { tool, arguments }) => self.call_tool(request, tool, arguments).await,
            Ok(target) => self.admit(self.new_call(request, target)),
            Err(denied) => self.deny(request, denied),
        }
    }

    async fn call_tool(
        &mut self,
        request: Request,
        tool: Arc<dyn Tool>,
        arguments: Value,
    ) -> Result<(), Stop> {
        match self.govern(&request, tool.spec(), &arguments).await? {
            Governed::Allowed(about) => {
                match self.heard(&request.position, &tool.spec().name).await? {
                    Heard::Refused(denied) => self.deny_because(request, denied, about),
                    Heard::Go(input) => {
                        let call = self.new_call(request, Target::Tool { tool, arguments });
                        self.admit(Call { about, input, ..call })
                    }
                }
            }
            Governed::NeedsApproval(needed) => self.ask_approval(&request, tool.spec(), &needed),
            Governed::Refused(denied, about) => self.deny_because(request, denied, about),
        }
    }

    pub(super) fn tool_target(
        &self,
        position: &EffectPosition,
        name: &str,
        arguments: Value,
    ) -> Result<Target, Failure> {
        let grants = self.grants_at(position);
        let runtime = &self.desk.runtime;
        gate::allow(runtime.tools.as_ref(), runtime.schema.as_ref(), &grants, name, &arguments)
            .and_then(|tool| self.is_its_own(position, tool))
            .map_err(Denial::into_failure)
            .and_then(|tool| self.repeat_allowed(tool.spec()).map(|()| tool))
            .map(|tool| Target::Tool { tool, arguments })
    }

    /// Returns what may be called at a place: what the step and every scope around it grant.
    fn grants_at(&self, position: &EffectPosition) -> Grants {
        let callable = self.definition(&position.step).map(|(_, step)| step.options.callable());
        let run = self.book.run.step(&position.step);
        let around = run.iter().flat_map(|run| run.scopes_around(position));
        let narrower = around.filter_map(|record| record.scope.grants.as_ref());
        narrower.fold(callable.unwrap_or_default(), |grants, inner| grants.narrowed_by(inner))
    }

    /// A worker's step is no tool: only the step whose code it is calls it, whatever is granted.
    fn is_its_own(
        &self,
        position: &EffectPosition,
        tool: Arc<dyn Tool>,
    ) -> Result<Arc<dyn Tool>, Denial> {
        let step = self.definition(&position.step);
        if step.is_some_and(|(_, step)| step.options.may_make(tool.spec())) {
            return Ok(tool);
        }
        Err(Denial { tool: tool.spec().name.clone(), reason: DenialReason::NotGranted })
    }

    /// A fork sends what must not happen twice only with leave.
    fn repeat_allowed(&self, spec: &ToolSpec) -> Result<(), Failure> {
        if spec.effect.repeat_is_harmless() || self.book.run.may_repeat_actions() {
            return Ok(());
        }
        let why = format!(
            "`{}` must not happen twice, and this run is a fork without leave to repeat actions",
            spec.name
        );
        Err(Failure::permanent(Code::ToolNotGranted, why))
    }

    pub(super) fn new_call(&self, request: Request, target: Target) -> Call {
        let recorded = self.book.run.effect(&request.position);
        let failed = recorded.map(|effect| effect.attempts.clone()).unwrap_or_default();
        let intents = recorded.and_then(|effect| effect.intent.as_ref()).map_or(0, |i| i.attempt);
        let tried = intents > 0 || !failed.is_empty();
        let unsure = tried || self.may_have_been_sent(&request.position, &target);
        Call {
            attempt: u32::try_from(failed.len()).unwrap_or(u32::MAX - 1).max(intents) + 1,
            position: request.position,
            head: request.head,
            seen: request.seen,
            arguments: request.arguments,
            target,
            failed: Vec::new(),
            unsure,
            spend: Settlement::NOTHING,
            reservation: None,
            draws: Vec::new(),
            admission: None,
            started_at: self.book.now(),
            input: None,
            about: Value::Null,
            delay: Duration::ZERO,
            hedge_after: None,
            beside: None,
        }
    }

    /// Returns whether a worker that died may have sent this and left no trace of it: only a key that
    /// holds for ever is sent without an intent.
    fn may_have_been_sent(&self, position: &EffectPosition, target: &Target) -> bool {
        let keyed = matches!(target.class(), EffectClass::Idempotent { .. });
        let traceless = keyed && !target.needs_intent();
        traceless && self.book.run.step(&position.step).is_some_and(|step| step.interrupted)
    }

    /// Budget, cache, rate limit, breaker; then durability or intent.
    pub(super) fn admit(&mut self, mut call: Call) -> Result<(), Stop> {
        match self.reserve_call(&mut call)? {
            Ok(reservation) => {
                let worst = self.worst_case(&call);
                self.drawn.insert(call.position.clone(), worst);
                call.reservation = Some(reservation);
            }
            Err(NotReserved::LeaseFirst) => {
                self.wanting.push(call);
                return Ok(());
            }
            Err(NotReserved::Refused(refused)) => {
                // Not made and not journaled: the step asks again when it is resumed.
                self.hold(&call.position, *refused);
                return Ok(());
            }
        }
        if let Some(reply) = self.kept(&call) {
            return self.settle_kept(call, reply);
        }
        let now = self.book.now();
        if let Target::Tool { tool, .. } = &call.target
            && let Some(limit) = tool.spec().rate
            && let Some(gate) = call.gate()
        {
            call.delay = call.delay.max(self.desk.runtime.gates.wait_for(&gate, limit, now));
        }
        if let Some(gate) = call.gate() {
            if call.attempt == 1 {
                let _ = self.desk.runtime.gates.attempt(&gate, 1);
            }
            match self.desk.runtime.gates.admit(&gate, call.target.breaker(), now) {
                Ok(admission) => call.admission = Some(admission),
                Err(open) => {
                    let code = match &call.target {
                        Target::Model { .. } => Code::ModelUnavailable,
                        Target::Tool { .. } | Target::Once(_) => Code::ToolUnavailable,
                    };
                    let failure = Failure::retryable(code, open.to_string())
                        .with_retry_after(Some(open.retry_after));
                    let (charge, onward) = (Charge::Nothing, Onward::Anyone);
                    let took_effect = TookEffect::No;
                    let end = CallEnd::Failed { failure, took_effect, charge, onward };
                    return self.attempt_ended(call, end);
                }
            }
        }
        self.announce(&call)?;
        self.waiting_calls.push(call);
        Ok(())
    }

    /// Reserves what the call may cost at most. One that may be sent once more reserves both before
    /// the first is sent, and is sent once where there is no room for two.
    fn reserve_call(&mut self, call: &mut Call) -> Result<Result<Reservation, NotReserved>, Stop> {
        call.hedge_after = call.target.hedge_after(call.attempt);
        if call.hedge_after.is_some() {
            let both = self.worst_case(call);
            if let Ok(reservation) = self.reserve(call, &both)? {
                return Ok(Ok(reservation));
            }
            call.hedge_after = None;
        }
        let worst = self.worst_case(call);
        self.reserve(call, &worst)
    }

    /// Journals an intent where the effect class asks for one, and sees to it that everything the
    /// call depends on is durable before it is sent.
    fn announce(&mut self, call: &Call) -> Result<(), Stop> {
        if call.target.needs_intent() {
            let now = self.book.now();
            let span = call.delay.saturating_add(self.timeout(call)).saturating_add(COMMIT);
            let entry = Entry::EffectIntended {
                position: call.position.clone(),
                head: call.head.clone(),
                attempt: call.attempt,
                first_sent_at: now,
                not_after: now.after(span),
                seen: call.seen,
                arguments: call.arguments.reference(self.label_at(&call.position)),
            };
            self.book.push(&entry, vec![call.arguments.clone()])?;
        }
        let reads = call.target.class() == EffectClass::Read;
        if !reads && self.book.has_unsaved() {
            self.commit_due = true;
        }
        Ok(())
    }

    /// An attempt gets its own timeout, or what is left of the step, whichever is less.
    pub(super) fn timeout(&self, call: &Call) -> Duration {
        let own = match &call.target {
            Target::Tool { tool, .. } => tool.spec().timeout,
            Target::Model { .. } | Target::Once(_) => self.desk.runtime.options.call_timeout,
        };
        let boot = self.desk.runtime.clock.boot();
        let step = self.open.get(&call.position.step).and_then(|step| step.deadline);
        let left = step.map_or(own, |deadline| own.min(deadline.saturating_sub(boot)));
        let wall = self.wall_left(&call.position);
        wall.map_or(left, |wall| left.min(Duration::from_millis(wall)))
    }

    /// Returns until when a call may take effect: its timeout from now, but where the other side is
    /// asked later whether it happened, never longer than its intent says, however slow the commit
    /// in between was. Only so can *absent* be believed after that.
    fn deadline(&self, call: &Call, timeout: Duration) -> Timestamp {
        let own = self.book.now().after(call.delay).after(timeout);
        if !matches!(call.target.class(), EffectClass::Reconcilable { .. }) {
            return own;
        }
        let intent = self.book.run.effect(&call.position).and_then(|of| of.intent.as_ref());
        intent.map_or(own, |intent| own.min(intent.not_after))
    }

    /// Sends every admitted call; what they depend on is durable now. One whose intent took so long
    /// to commit that it hardly leaves time for the call is announced anew.
    pub(super) fn send_waiting(&mut self) -> Result<(), Stop> {
        for call in std::mem::take(&mut self.waiting_calls) {
            let timeout = self.timeout(&call);
            let left = self.deadline(&call, timeout).since(self.book.now().after(call.delay));
            if left < timeout / 2 {
                self.announce(&call)?;
                self.waiting_calls.push(call);
                continue;
            }
            *self.calling.entry(call.position.step.clone()).or_default() += 1;
            self.send(call);
        }
        Ok(())
    }

    fn send(&mut self, mut call: Call) {
        let timeout = self.timeout(&call);
        let runtime = self.desk.runtime.clone();
        let (lease, reads) = (self.desk.lease.clone(), self.reads.clone());
        let (run_id, key) = (self.book.run.run_id, call.position.key(self.book.run.key_root));
        let deadline = self.deadline(&call, timeout);
        let timeout = timeout.min(deadline.since(self.book.now().after(call.delay)));
        let attempt = Attempt {
            runtime: runtime.clone(),
            run_id,
            key,
            lease: lease.clone(),
            deadline,
            timeout,
            began: Duration::ZERO,
            sent: Sent::default(),
        };
        self.calls.spawn(async move {
            if !call.delay.is_zero() {
                runtime.clock.sleep(call.delay).await;
            }
            if !lease.holds(runtime.clock.boot()) {
                // The driver finds out by itself; nothing may be sent any more.
                std::future::pending::<()>().await;
            }
            let attempt = Attempt { began: runtime.clock.boot(), ..attempt };
            // Only what reads may be dropped half-way; an action's answer is waited for.
            let unwanted = reads.cancelled_owned();
            let end = if call.target.class() == EffectClass::Read {
                let answered = tokio::select! {
                    biased;
                    end = call.attempt(&attempt) => Some(end),
                    () = unwanted => None,
                };
                answered.unwrap_or_else(|| call.dropped(&attempt))
            } else {
                call.attempt(&attempt).await
            };
            (Box::new(call), end)
        });
    }
}
