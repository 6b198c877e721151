//! Effects on the timeline: what was asked, what came back, what it cost, what was tried before.

use mainstay_core::{
    budget::{Dimension, Settlement, amount},
    effect::{EffectHead, EffectKind, EffectOutcome, FailedAttempt},
    effects::Scope,
    journal::{EffectSettled, Entry, JournalRow},
    review::Decision,
    visible,
};
use serde_json::Value;

use super::{Told, failure_text, values, wait_text};
use crate::cli::{output::Tone, span};

pub(super) fn tell(row: &JournalRow, entry: &Entry) -> Option<Told> {
    match entry {
        Entry::EffectIntended { position, head, attempt, arguments, .. } => {
            let arguments = values::argument(row, arguments);
            let again = if *attempt > 1 { format!(", try {attempt}") } else { String::new() };
            let text = format!("{} about to be sent{again}: {arguments}", name(head));
            Some(Told::of_effect(position, text))
        }
        Entry::EffectAttempted { position, head, attempts, spend } if attempts.is_empty() => {
            let text = format!("{} was asked something first{}", name(head), cost(spend));
            Some(Told::of_effect(position, text))
        }
        Entry::EffectAttempted { position, head, attempts, spend } => {
            let text = format!("{} did not succeed{}", name(head), cost(spend));
            Some(Told::of_effect(position, text).tone(Tone::Attention).details(tries(attempts)))
        }
        Entry::EffectSettled(settled) => settled_text(row, settled),
        Entry::WaitOpened { position, head, wait, .. } => {
            let text = format!("{} waits for {}", name(head), wait_text(row.at, wait));
            Some(Told::of_effect(position, text))
        }
        Entry::Created(_)
        | Entry::Claimed { .. }
        | Entry::StepStarted { .. }
        | Entry::StepFinished { .. }
        | Entry::StepFailed { .. }
        | Entry::Routed { .. }
        | Entry::Advanced { .. }
        | Entry::Allotted { .. }
        | Entry::Received { .. }
        | Entry::Migrated { .. }
        | Entry::Unwinding { .. }
        | Entry::Released
        | Entry::Parked { .. }
        | Entry::Checkpoint { .. }
        | Entry::Moved { .. }
        | Entry::Rehomed(_)
        | Entry::Finished(_) => None,
    }
}

fn settled_text(row: &JournalRow, settled: &EffectSettled) -> Option<Told> {
    let took = span::show(row.at.since(settled.started_at));
    let text = match (&settled.outcome, settled.head.kind) {
        // The time and chance are of no interest to a reader.
        (EffectOutcome::Completed(_), EffectKind::Now | EffectKind::Random | EffectKind::Patch) => {
            return None;
        }
        (EffectOutcome::Completed(_), EffectKind::Model) => model(settled, &took),
        (EffectOutcome::Completed(_), EffectKind::Scope) => {
            settled.scope.as_deref().map(scope).unwrap_or_default()
        }
        (EffectOutcome::Completed(result), _) => {
            let call = call(row, settled);
            let result = match values::value(row, result.digest) {
                Some(Value::Null) => "empty".to_owned(),
                Some(Value::Array(items)) if items.is_empty() => "empty".to_owned(),
                _ => values::argument(row, result),
            };
            format!("{call} → {result} · {took}")
        }
        (EffectOutcome::Failed(failure), _) => {
            format!("{} failed: {} · {took}", call(row, settled), failure_text(failure))
        }
        (EffectOutcome::Denied(failure), _) => {
            format!("{} denied: {}", call(row, settled), failure_text(failure))
        }
        (EffectOutcome::InDoubt(failure), _) => {
            format!("{} in doubt: {}", call(row, settled), failure_text(failure))
        }
    };
    let told = Told::of_effect(&settled.position, text).details(tries(&settled.failed));
    Some(match settled.outcome {
        EffectOutcome::Completed(_) => told,
        EffectOutcome::Failed(_) => told.tone(Tone::Bad),
        EffectOutcome::Denied(_) | EffectOutcome::InDoubt(_) => told.tone(Tone::Attention),
    })
}

/// `model scripted:desk · 812 in · 40 out · 0.0003 usd · 110 ms · stop`.
fn model(settled: &EffectSettled, took: &str) -> String {
    let about = |field: &str| settled.about.get(field).and_then(Value::as_str);
    let model = about("model").unwrap_or(&settled.head.name);
    let spend = settled.spend.total();
    let (input, output) = (spend.input_tokens, spend.output_tokens);
    let finish = about("finish").map(|word| format!(" · {word}")).unwrap_or_default();
    format!("model {model} · {input} in · {output} out{} · {took}{finish}", cost(&settled.spend))
}

/// ``agent `clerk` begins · may call read, search · at most 0.20 usd``.
fn scope(scope: &Scope) -> String {
    let mut text = format!("{} `{}` begins", scope.kind.word(), visible::line(&scope.name, 60));
    if let Some(grants) = &scope.grants {
        let tools: Vec<_> = grants.iter().collect();
        let tools = if tools.is_empty() { "nothing".to_owned() } else { tools.join(", ") };
        text.push_str(&format!(" · may call {}", visible::line(&tools, 120)));
    }
    let limits = Dimension::ALL.iter().filter_map(|dimension| {
        scope.limits.get(*dimension).map(|limit| amount::show(*dimension, limit))
    });
    let limits: Vec<_> = limits.collect();
    if !limits.is_empty() {
        text.push_str(&format!(" · at most {}", limits.join(", ")));
    }
    text
}

fn call(row: &JournalRow, settled: &EffectSettled) -> String {
    let name = name(&settled.head);
    match &settled.arguments {
        Some(arguments) if settled.head.kind == EffectKind::Tool => {
            format!("{name} {}", values::argument(row, arguments))
        }
        _ => name,
    }
}

fn name(head: &EffectHead) -> String {
    let kind = match head.kind {
        EffectKind::Model => "model",
        EffectKind::Tool => "tool",
        EffectKind::Review => "review",
        EffectKind::Timer => "timer",
        EffectKind::Signal => "signal",
        EffectKind::Child => "child",
        EffectKind::Emit => "emit",
        EffectKind::Once => "once",
        EffectKind::Now => "now",
        EffectKind::Random => "random",
        EffectKind::Local => "local",
        EffectKind::Patch => "patch",
        EffectKind::Endorse => "endorse",
        EffectKind::Scope => "open",
    };
    if head.name.is_empty() || head.name == kind {
        kind.to_owned()
    } else {
        format!("{kind} {}", visible::line(&head.name, 60))
    }
}

fn cost(spend: &Settlement) -> String {
    let usd = spend.total().get(Dimension::Usd);
    let unknown = if spend.unknown.get(Dimension::Usd) > 0 { " at most" } else { "" };
    if usd == 0 {
        String::new()
    } else {
        format!(" ·{unknown} {}", amount::show(Dimension::Usd, usd))
    }
}

fn tries(attempts: &[FailedAttempt]) -> impl Iterator<Item = String> {
    attempts
        .iter()
        .map(|tried| format!("try {} failed: {}", tried.attempt, failure_text(&tried.failure)))
}

/// Returns what a person added to a decision.
pub(crate) fn words_of(decision: &Decision) -> Option<String> {
    let line = |text: &str| visible::line(text, 160);
    match decision {
        Decision::Approve { note } => note.as_deref().map(line),
        Decision::Amend { subject, note } => {
            let subject = line(&subject.to_string());
            Some(
                note.as_deref()
                    .map_or(subject.clone(), |note| format!("{subject} ({})", line(note))),
            )
        }
        Decision::Reject { reason } => Some(line(reason)),
        Decision::Respond { text } => Some(line(text)),
    }
}
