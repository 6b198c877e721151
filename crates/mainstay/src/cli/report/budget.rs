//! A budget stop, as people read it: where, what is kept, where it went, how to go on.

use std::collections::BTreeMap;

use mainstay_core::{
    budget::{Dimension, Exhausted, Measure, Spend, amount},
    effect::EffectKind,
    fold::steps::Phase,
    journal::Entry,
};
use mainstay_engine::commands::RunView;

use crate::cli::error::CliError;

/// Returns the stop as an error with the command that goes on.
pub(super) fn reached(view: &RunView, exhausted: &Exhausted) -> CliError {
    let run = &view.projection;
    let open = run.steps.iter().find(|step| step.is_open());
    let place = open.map(|step| format!(" at step `{}` (attempt {})", step.key.step, step.attempt));
    let done = run.steps.iter().filter(|step| step.phase == Phase::Finished).count();
    let kept =
        format!("{} is parked and nothing was lost; {done} steps are done.", view.row.run_id);
    CliError::new(exhausted.code(), format!("{exhausted}{}", place.unwrap_or_default()))
        .with_details([Some(kept), went_to(view, exhausted.dimension)].into_iter().flatten())
        .with_hint(format!("mainstay runs resume {} --budget {}", view.row.run_id, more(exhausted)))
}

/// Returns what would let the refused call through.
fn more(exhausted: &Exhausted) -> String {
    let Exhausted { dimension, limit, spent, asked } = *exhausted;
    match dimension.measure() {
        Measure::Time => format!("+{}=1d", dimension.name()),
        Measure::Counted | Measure::Total | Measure::Level => {
            let short = spent.saturating_add(asked).saturating_sub(limit).max(1);
            format!("+{}={}", dimension.name(), amount::bare(dimension, short))
        }
    }
}

/// `72 % went to `gpt-4.1` in 11 calls.`
fn went_to(view: &RunView, dimension: Dimension) -> Option<String> {
    let mut by_name: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    for (_, entry) in &view.rows {
        let Entry::EffectSettled(settled) = entry else { continue };
        if matches!(settled.head.kind, EffectKind::Model | EffectKind::Tool) {
            let used = by_name.entry(&settled.head.name).or_default();
            *used = (used.0 + settled.spend.total().get(dimension), used.1 + 1);
        }
    }
    let all: u64 = by_name.values().map(|(used, _)| used).sum();
    let (name, (used, calls)) = by_name.into_iter().max_by_key(|(_, (used, _))| *used)?;
    let percent = used.saturating_mul(100).checked_div(all)?;
    Some(format!("{percent} % went to `{name}` in {calls} calls."))
}

/// Returns each dimension that has a limit or was used, with both: `usd 0.01 of 0.50`.
pub(crate) fn lines(view: &RunView) -> Vec<String> {
    let ledger = &view.projection.ledger;
    let (spent, unknown): (Spend, Spend) = (ledger.total_spent(), ledger.spent_unknown());
    let mut lines = Vec::new();
    for dimension in Dimension::summed() {
        let (used, limit) = (spent.get(dimension), ledger.limits().get(dimension));
        if used == 0 && limit.is_none() {
            continue;
        }
        let bare = |value| amount::bare(dimension, value);
        let of = limit.map(|limit| format!(" of {}", bare(limit))).unwrap_or_default();
        let hidden = unknown.get(dimension);
        let hidden =
            (hidden > 0).then(|| format!(", {} of it unknown after a crash", bare(hidden)));
        lines.push(format!(
            "{} {}{of}{}",
            dimension.name(),
            bare(used),
            hidden.unwrap_or_default()
        ));
    }
    lines
}
