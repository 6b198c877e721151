//! A budget stop, as people read it: where, what is kept, where it went, how to go on.

use mainstay_core::{
    allowance::CapReached,
    budget::{Dimension, Exhausted, Measure, Spend, amount},
    code::Code,
    fold::steps::Phase,
};
use mainstay_engine::commands::RunView;

use super::spending;
use crate::cli::{count, error::CliError, span};

/// Returns the stop as an error with the command that goes on.
pub(super) fn reached(view: &RunView, exhausted: &Exhausted, within: Option<&str>) -> CliError {
    let run = &view.projection;
    let open = run.steps.iter().find(|step| step.is_open());
    let place = open.map(|step| format!(" at step `{}` (attempt {})", step.key.step, step.attempt));
    let whose = within.map(|scope| format!(" by {scope}")).unwrap_or_default();
    let done = view.steps().iter().filter(|step| step.phase == Phase::Finished).count();
    let (done, verb) = (count::of(done, "step"), if done == 1 { "is" } else { "are" });
    let kept = format!("{} is parked and nothing was lost; {done} {verb} done.", view.row.run_id);
    let went = spending::sentence(view.rows.iter().map(|(_, entry)| entry), exhausted.dimension);
    CliError::new(exhausted.code(), format!("{exhausted}{whose}{}", place.unwrap_or_default()))
        .with_details([Some(kept), went].into_iter().flatten())
        .with_hint(format!("mainstay runs resume {} --budget {}", view.row.run_id, more(exhausted)))
}

/// Returns a stop at a shared cap: no top-up of the run moves it.
pub(super) fn cap_reached(view: &RunView, exhausted: &Exhausted, cap: &CapReached) -> CliError {
    let told = reached(view, exhausted, None);
    let ends = span::date(cap.account.ends());
    let shared = format!("{cap} ends {ends}; the run goes on by itself when there is room again.");
    CliError { code: Code::CapReached, message: format!("{cap}: {}", told.message), ..told }
        .with_details([shared])
        .with_hint(format!(
            "mainstay usage; raise the cap and `mainstay runs resume {}`",
            view.row.run_id
        ))
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
    let cached = spending::cached(view.rows.iter().map(|(_, entry)| entry));
    lines.extend(cached.map(|(hits, asked)| format!("cache {hits} of {asked} answered")));
    lines
}
