//! `mainstay reviews ls`.

use mainstay_core::{
    digest::Digest,
    id::{ReviewId, RunId},
    review::ReviewReason,
    store::row::{ReviewFilter, ReviewRow},
    visible,
};
use serde::Serialize;

use crate::{
    cli::{
        error::CliError,
        exit::Exit,
        output::{Cell, Tone},
        shell::Shell,
        span,
    },
    database::Purpose,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also those that are decided, newest first
    #[arg(long)]
    all: bool,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// A review in a list: without its subject, which may be large.
#[derive(Serialize)]
pub(super) struct Listed {
    pub(super) review_id: ReviewId,
    pub(super) run_id: RunId,
    pub(super) reason: ReviewReason,
    pub(super) title: String,
    pub(super) queue: String,
    pub(super) subject_digest: Digest,
    pub(super) open: bool,
    pub(super) decision: Option<&'static str>,
    pub(super) opened_at: String,
    pub(super) expires_at: Option<String>,
}

impl Listed {
    pub(super) fn of(row: &ReviewRow) -> Self {
        let request = &row.request;
        Self {
            review_id: request.review_id,
            run_id: row.run_id,
            reason: request.reason,
            title: request.title.clone(),
            queue: request.queue.clone(),
            subject_digest: request.subject_digest,
            open: row.open,
            decision: super::show::verb(row),
            opened_at: span::rfc3339(row.opened_at),
            expires_at: request.expires_at.map(span::rfc3339),
        }
    }
}

/// Returns the word for why a person is asked.
pub(super) const fn reason(reason: ReviewReason) -> &'static str {
    match reason {
        ReviewReason::Asked => "asked",
        ReviewReason::InDoubt => "in doubt",
        ReviewReason::Partial => "not undone",
        ReviewReason::Approval => "approval",
        ReviewReason::Input => "question",
    }
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let store = shell.store(Purpose::Read).await?;
    let filter =
        if args.all { ReviewFilter::All(args.limit) } else { ReviewFilter::Open(args.limit) };
    let rows = store.reviews(filter).await?;
    let reviews: Vec<_> = rows.iter().map(Listed::of).collect();
    let (output, now) = (&shell.output, shell.now());
    let head = ["REVIEW", "WHY", "ABOUT", "QUEUE", "RUN", "SINCE", ""];
    output.table_or_list(
        "reviews",
        &reviews,
        &head,
        rows.iter().map(|row| {
            let request = &row.request;
            let tone = match request.reason {
                ReviewReason::Asked | ReviewReason::Approval | ReviewReason::Input => Tone::Strong,
                ReviewReason::InDoubt | ReviewReason::Partial => Tone::Attention,
            };
            vec![
                request.review_id.to_string().into(),
                Cell::toned(tone, reason(request.reason)),
                visible::line(&request.title, 60).into(),
                request.queue.clone().into(),
                row.run_id.to_string().into(),
                span::show(now.since(row.opened_at)).into(),
                super::show::verb(row).unwrap_or(if row.open { "open" } else { "closed" }).into(),
            ]
        }),
    )?;
    match rows.first() {
        Some(row) => output.next(format!("mainstay reviews show {}", row.request.review_id)),
        None => output.next("mainstay runs ls"),
    }
    Ok(Exit::Ok)
}
