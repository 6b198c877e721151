//! A run's journal as a timeline that a person can read.
//!
//! A pure function of the journal: what `runs show` prints is what `runs tail` prints row by row,
//! and what a test prints.

mod effects;
mod values;

use std::time::Duration;

use mainstay_core::{
    budget::{Dimension, Limits, Measure, amount},
    effect::EffectPosition,
    failure::Failure,
    inbox::InboxBody,
    journal::{Cause, Entry, Finished, JournalRow, Position},
    review::ReviewOutcome,
    run::RunStatus,
    time::Timestamp,
    visible,
    wait::{Wait, WaitMode, WaitSet},
};
use serde::Serialize;

use super::{output::Tone, span};
pub(crate) use effects::words_of;

/// One thing that happened, in words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Moment {
    position: Position,
    at: String,
    #[serde(skip)]
    after: Duration,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<EffectPosition>,
    text: String,
    #[serde(skip)]
    tone: Option<Tone>,
    /// What stands below it, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

/// What a moment says; the journal row says when.
#[derive(Debug, Default)]
struct Told {
    step: Option<String>,
    effect: Option<EffectPosition>,
    text: String,
    tone: Option<Tone>,
    details: Vec<String>,
}

impl Told {
    fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn of_step(step: &mainstay_core::effect::StepKey, text: impl Into<String>) -> Self {
        let visit = if step.visit > 1 { format!("#{}", step.visit) } else { String::new() };
        Self { step: Some(format!("{}{visit}", step.step)), ..Self::new(text) }
    }

    fn of_effect(position: &EffectPosition, text: impl Into<String>) -> Self {
        Self { effect: Some(position.clone()), ..Self::of_step(&position.step, text) }
    }

    fn tone(mut self, tone: Tone) -> Self {
        self.tone = Some(tone);
        self
    }

    fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}

/// Reads a journal row by row.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    began: Option<Timestamp>,
    status: Option<RunStatus>,
    /// When each open attempt began, by step.
    attempts: std::collections::BTreeMap<String, Timestamp>,
}

impl Timeline {
    /// Takes the next row; `None` if it says nothing to a person.
    pub(crate) fn take(&mut self, row: &JournalRow, entry: &Entry) -> Option<Moment> {
        let began = *self.began.get_or_insert(row.at);
        let told = self.tell(row, entry);
        self.status = RunStatus::after(self.status, entry).ok().or(self.status);
        let Told { step, effect, text, tone, details } = told?;
        Some(Moment {
            position: row.position,
            at: span::rfc3339(row.at),
            after: row.at.since(began),
            kind: entry.kind(),
            step,
            effect,
            text,
            tone,
            details,
        })
    }

    fn tell(&mut self, row: &JournalRow, entry: &Entry) -> Option<Told> {
        let told = match entry {
            Entry::Created(created) => {
                let forked =
                    created.forked.as_ref().map(|from| format!("forked from {}", from.run_id));
                let input = values::argument(row, &created.input);
                Told::new(format!("created with {input}")).details(forked)
            }
            Entry::Claimed { session, .. } => self.claimed(&session.short()),
            Entry::StepStarted { step, attempt, .. } => {
                self.attempts.insert(step.to_string(), row.at);
                let again =
                    if *attempt > 1 { format!("attempt {attempt}") } else { "begins".into() };
                Told::of_step(step, again)
            }
            Entry::StepFinished { step, began, output, absorbed, .. } => {
                if let Some(began) = began {
                    self.attempts.insert(step.to_string(), began.at);
                }
                let again = began.filter(|began| began.attempt > 1);
                let again = again.map(|began| format!("attempt {} ", began.attempt));
                let again = again.unwrap_or_default();
                let took = self.took(&step.to_string(), row.at);
                let absorbed = (!absorbed.is_empty())
                    .then(|| format!("came too late for {}", absorbed.join(", ")));
                Told::of_step(step, format!("{again}done{took}: {}", values::argument(row, output)))
                    .tone(Tone::Good)
                    .details(absorbed)
            }
            Entry::StepFailed { step, attempt, failure, retry_at } => {
                let took = self.took(&step.to_string(), row.at);
                step_failed(row.at, step, *attempt, &took, failure, *retry_at)
            }
            Entry::Routed { step, variant, .. } => {
                Told::of_step(step, format!("takes the route {variant}"))
            }
            Entry::EffectIntended { .. }
            | Entry::EffectAttempted { .. }
            | Entry::EffectSettled(_)
            | Entry::WaitOpened { .. } => effects::tell(row, entry)?,
            Entry::Allotted { child, limits } => {
                Told::new(format!("sets {} aside for {child}", limits_text(limits)))
            }
            Entry::Received { message, .. } => received(row, message),
            Entry::Migrated { from, to, .. } => {
                Told::new(format!("moved from v{} to v{}", from.version, to.version))
            }
            Entry::Moved { to, .. } => Told::new(format!("goes on as {to}")),
            Entry::Rehomed(before) => {
                Told::new(format!("goes on from {}, whose week is dropped", before.from))
            }
            Entry::Unwinding { cause } => unwinding(cause),
            Entry::Released => Told::new("given back to the queue").tone(Tone::Quiet),
            Entry::Parked { wait } => parked(row.at, wait),
            Entry::Finished(end) => finished(end),
            Entry::Advanced { .. } | Entry::Checkpoint { .. } => return None,
        };
        Some(told)
    }

    /// A claim of a run that was running says that its last owner died.
    fn claimed(&self, session: &str) -> Told {
        match self.status {
            Some(RunStatus::Running) => {
                Told::new(format!("recovered by {session}: its worker died in the middle"))
                    .tone(Tone::Attention)
            }
            _ => Told::new(format!("claimed by {session}")).tone(Tone::Quiet),
        }
    }

    fn took(&mut self, step: &str, at: Timestamp) -> String {
        let began = self.attempts.remove(step);
        began.map(|began| format!(" in {}", span::show(at.since(began)))).unwrap_or_default()
    }
}

fn step_failed(
    at: Timestamp,
    step: &mainstay_core::effect::StepKey,
    attempt: u32,
    took: &str,
    failure: &Failure,
    retry_at: Option<Timestamp>,
) -> Told {
    let text = format!("attempt {attempt} failed{took}: {}", failure_text(failure));
    match retry_at {
        Some(due) => {
            let wait = span::show(due.since(at));
            Told::of_step(step, text).tone(Tone::Attention).details([format!("again in {wait}")])
        }
        None => Told::of_step(step, text).tone(Tone::Bad),
    }
}

fn failure_text(failure: &Failure) -> String {
    format!("{} {}", failure.code, visible::line(&failure.message, 160))
}

fn limits_text(limits: &Limits) -> String {
    let parts = Dimension::ALL.iter().filter_map(|&dimension| {
        let limit = limits.get(dimension)?;
        Some(match dimension.measure() {
            Measure::Time => {
                let micros = i64::try_from(limit).unwrap_or(i64::MAX);
                format!("deadline {}", span::date(Timestamp::from_micros(micros)))
            }
            Measure::Counted | Measure::Total | Measure::Level => amount::show(dimension, limit),
        })
    });
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn received(row: &JournalRow, message: &InboxBody) -> Told {
    match message {
        InboxBody::Reviewed { review_id, outcome: ReviewOutcome::Decided { decision, by, .. } } => {
            Told::new(format!("{by} decided {}: {}", review_id.short(), decision.verb()))
                .details(words_of(decision))
        }
        InboxBody::Reviewed { review_id, outcome: ReviewOutcome::Expired } => {
            Told::new(format!("{} expired without a decision", review_id.short()))
                .tone(Tone::Attention)
        }
        InboxBody::Signalled { name, payload } => {
            Told::new(format!("signal `{name}`: {}", values::argument(row, payload)))
        }
        InboxBody::CancelRequested { by, reason } => {
            Told::new(format!("{by} cancels: {}", visible::line(reason, 120))).tone(Tone::Attention)
        }
        InboxBody::ChildEnded { run_id, status, failure, .. } => {
            let why = failure.as_ref().map(failure_text);
            Told::new(format!("child {run_id} {status}")).details(why)
        }
        InboxBody::TimerFired { .. } => Told::new("a timer came due").tone(Tone::Quiet),
        InboxBody::ToppedUp { by, add } => {
            Told::new(format!("{by} raises the budget by {}", limits_text(add)))
        }
        InboxBody::WorkerCame { session } => {
            Told::new(format!("{} has what it waits for", session.short())).tone(Tone::Quiet)
        }
        InboxBody::RetryRequested { by } => Told::new(format!("{by} asks to go on")),
    }
}

fn unwinding(cause: &Cause) -> Told {
    let why = match cause {
        Cause::Failed { step, .. } => format!("`{}` failed", step.step),
        Cause::Cancelled { reason } => format!("cancelled by {}", visible::line(reason, 120)),
    };
    Told::new(format!("undoing what was done: {why}")).tone(Tone::Attention)
}

fn parked(at: Timestamp, set: &WaitSet) -> Told {
    let word = match (set.waits.len(), set.mode) {
        (0 | 1, _) => "",
        (_, WaitMode::Any) => "any of ",
        (_, WaitMode::All) => "all of ",
    };
    let waits: Vec<_> = set.waits.iter().map(|wait| wait_text(at, wait)).collect();
    Told::new(format!("parked for {word}{}", waits.join(", "))).tone(Tone::Attention)
}

fn wait_text(now: Timestamp, wait: &Wait) -> String {
    let within = |due: Timestamp| span::show(due.since(now));
    match wait {
        Wait::Review { review_id, .. } => format!("a decision on {review_id}"),
        Wait::Timer { due } => format!("{} to pass", within(*due)),
        Wait::Signal { name, until: None } => format!("the signal `{name}`"),
        Wait::Signal { name, until: Some(until) } => {
            format!("the signal `{name}`, at most {}", within(*until))
        }
        Wait::Child { run_id } => format!("{run_id}"),
        Wait::Retry { step, at } => format!("another attempt at {} in {}", step.step, within(*at)),
        Wait::Budget { exhausted, cap: Some(cap), .. } => {
            format!("room in {cap}, in {}: {exhausted}", within(cap.again_at))
        }
        Wait::Budget { exhausted, within: None, cap: None } => {
            format!("a larger budget: {exhausted}")
        }
        Wait::Budget { exhausted, within: Some(scope), cap: None } => {
            format!("a larger budget of {scope}: {exhausted}")
        }
        Wait::WorkerVersion { flow, .. } => format!("a worker with {flow}"),
        Wait::Divergence(found) => format!("a person: code and journal disagree at {}", found.step),
        Wait::Quarantine { crashes: 1 } => "a person: 1 crash without progress".to_owned(),
        Wait::Quarantine { crashes } => format!("a person: {crashes} crashes without progress"),
    }
}

fn finished(end: &Finished) -> Told {
    let status = end.ending.status();
    let tone = match status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Failed | RunStatus::Partial => Tone::Bad,
        RunStatus::Cancelled | RunStatus::Queued | RunStatus::Running | RunStatus::Parked => {
            Tone::Attention
        }
    };
    let half = end.half_filled.iter().map(|join| {
        format!("`{}` still waited for more than {}", join.step, join.arrived.join(", "))
    });
    Told::new(status.as_str())
        .tone(tone)
        .details(end.failure.as_ref().map(failure_text))
        .details(half)
}

/// How wide the column of steps is.
fn width(moments: &[Moment]) -> usize {
    let widths = moments.iter().filter_map(|m| m.step.as_ref()).map(|step| step.chars().count());
    widths.max().unwrap_or(0).clamp(4, 24)
}

/// Writes moments as lines; `paint` colours a text.
pub(crate) fn lines(moments: &[Moment], paint: &dyn Fn(Tone, &str) -> String) -> Vec<String> {
    let width = width(moments);
    moments.iter().flat_map(|moment| moment.lines(width, paint)).collect()
}

impl Moment {
    fn lines(&self, width: usize, paint: &dyn Fn(Tone, &str) -> String) -> Vec<String> {
        let step = self.step.as_deref().unwrap_or_default();
        let indent = if self.effect.is_some() { "  " } else { "" };
        let text = match self.tone {
            Some(tone) => paint(tone, &self.text),
            None => self.text.clone(),
        };
        let clock = format!("{:>10.3}", self.after.as_secs_f64());
        let first = format!("{}  {step:width$}  {indent}{text}", paint(Tone::Quiet, &clock));
        let below = |line: &String| {
            let room = " ".repeat(10 + 2 + width + 2 + indent.len() + 2);
            format!("{room}{}", paint(Tone::Quiet, line))
        };
        std::iter::once(first.trim_end().to_owned()).chain(self.details.iter().map(below)).collect()
    }
}

#[cfg(test)]
mod tests;
