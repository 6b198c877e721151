//! `mainstay reviews show`: the subject in full, with what cannot be seen written out.

use mainstay_core::{
    code::Code,
    id::ReviewId,
    review::{ReviewOutcome, ReviewReason},
    store::{
        Store,
        row::{ReviewFilter, ReviewRow},
    },
    visible,
};
use serde::Serialize;
use serde_json::Value;

use super::{
    ls::{self, Listed},
    similar::{self, Similar},
};
use crate::{
    cli::{count, error::CliError, exit::Exit, ids, output::Tone, shell::Shell, span, timeline},
    database::Purpose,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The review: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    review: String,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    review: Listed,
    subject: Value,
    hidden_characters: usize,
    /// What was decided before about calls of the same tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    similar: Option<Similar>,
    outcome: Option<ReviewOutcome>,
}

/// Returns how a review was decided.
pub(super) fn verb(row: &ReviewRow) -> Option<&'static str> {
    match row.outcome.as_ref()? {
        ReviewOutcome::Decided { decision, .. } => Some(decision.verb()),
        ReviewOutcome::Expired => Some("expired"),
    }
}

/// Finds a review by what a person wrote.
pub(super) async fn find(store: &dyn Store, text: &str) -> Result<ReviewRow, CliError> {
    let review_id: ReviewId = ids::review(store, text).await?;
    let found = store.reviews(ReviewFilter::One(review_id)).await?.into_iter().next();
    found.ok_or_else(|| {
        CliError::new(Code::UnknownId, format!("there is no review {review_id}"))
            .with_hint("mainstay reviews ls")
    })
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let store = shell.store(Purpose::Read).await?;
    let row = find(&*store, &args.review).await?;
    let similar = similar::find(&*store, &row).await?;
    if !shell.output.is_for_people() {
        let text = row.request.subject.to_string();
        shell.output.document(&Shown {
            review: Listed::of(&row),
            subject: row.request.subject.clone(),
            hidden_characters: visible::hidden(&text),
            similar,
            outcome: row.outcome.clone(),
        })?;
        return Ok(Exit::Ok);
    }
    for line in lines(&row, similar.as_ref()) {
        shell.output.line(line)?;
    }
    let hidden = visible::hidden(&text_of(&row.request.subject));
    if hidden > 0 {
        let hidden = count::of(hidden, "character");
        let warning = format!("{hidden} cannot be seen, and is written as \\u{{…}}");
        shell.output.note(shell.output.paint(Tone::Attention, warning));
    }
    next(shell, &row);
    Ok(Exit::Ok)
}

fn lines(row: &ReviewRow, similar: Option<&Similar>) -> Vec<String> {
    let request = &row.request;
    let mut lines = vec![
        format!("{}  {}", request.review_id, visible::line(&request.title, 100)),
        format!("  run      {} at {}", row.run_id, request.position),
        format!("  why      {}", ls::reason(request.reason)),
        format!("  queue    {}", request.queue),
        format!("  opened   {}", span::date(row.opened_at)),
    ];
    lines.extend(request.expires_at.map(|at| format!("  expires  {}", span::date(at))));
    match &row.outcome {
        Some(ReviewOutcome::Decided { decision, by, at }) => {
            lines.push(format!("  decided  {} by {by}, {}", decision.verb(), span::date(*at)));
            lines.extend(timeline::words_of(decision).map(|words| format!("           {words}")));
        }
        Some(ReviewOutcome::Expired) => lines.push("  decided  expired".to_owned()),
        None => {}
    }
    lines.extend(similar.iter().flat_map(|similar| similar.lines()));
    lines.push(format!("  digest   {}", request.subject_digest));
    lines.push(String::new());
    lines.extend(text_of(&request.subject).lines().map(visible::visible));
    lines
}

fn text_of(subject: &Value) -> String {
    match subject.as_str() {
        Some(text) => text.to_owned(),
        None => serde_json::to_string_pretty(subject).unwrap_or_default(),
    }
}

fn next(shell: &Shell, row: &ReviewRow) {
    let id = row.request.review_id;
    if !row.open {
        return shell.output.next(format!("mainstay runs show {}", row.run_id));
    }
    match row.request.reason {
        ReviewReason::Approval => {
            shell.output.note("approve = make exactly this call, once; reject = it is not made");
            shell.output.next(format!("mainstay reviews approve|reject {id}"));
        }
        ReviewReason::Input => {
            shell
                .output
                .note("the other side asks this before it goes on; what it says is its own:");
            shell.output.note("  respond = in words, or as JSON; amend = each answer by its name;");
            let under_way = row.request.subject.get("under_way") == Some(&Value::Bool(true));
            let rejected = if under_way {
                "it is told to stop, and may have acted"
            } else {
                "nothing is done"
            };
            shell.output.note(format!("  approve = every default; reject = {rejected}"));
            shell.output.next(format!("mainstay reviews respond {id} --text …"));
        }
        ReviewReason::Asked => shell.output.next(format!("mainstay reviews approve {id}")),
        ReviewReason::InDoubt => {
            shell.output.note("it cannot be known whether this happened; look at the other side:");
            shell.output.note("  approve = send it again, reject = it did not happen,");
            shell
                .output
                .note("  amend = it happened, and this came back, respond = leave it in doubt");
            shell.output.next(format!("mainstay reviews approve|reject|amend|respond {id}"));
        }
        ReviewReason::Partial => shell.output.next(format!("mainstay reviews respond {id}")),
    }
}
