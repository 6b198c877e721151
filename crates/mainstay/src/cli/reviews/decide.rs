//! `mainstay reviews approve|amend|reject|respond`: a decision, bound to what was shown.

use mainstay_core::{
    code::Code,
    digest::Digest,
    id::{ReviewId, RunId},
    review::Decision,
};
use serde::Serialize;

use super::show;
use crate::cli::{error::CliError, exit::Exit, input, shell::Shell};

/// Which review, and who decides.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// The review: its id, the beginning of it, or @last
    review: String,
    /// Who decides; else $USER
    #[arg(long)]
    by: Option<String>,
    /// The digest that `reviews show` printed: the decision counts only for exactly that subject
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    which: Which,
    /// A note for the record
    #[arg(long)]
    note: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Amend {
    #[command(flatten)]
    which: Which,
    /// What to go on with: a JSON file, `-` for standard input, or JSON
    #[arg(long, value_name = "FILE|-|JSON")]
    subject: String,
    /// A note for the record
    #[arg(long)]
    note: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct Reject {
    #[command(flatten)]
    which: Which,
    /// Why
    #[arg(long)]
    reason: String,
}

#[derive(clap::Args)]
pub(crate) struct Respond {
    #[command(flatten)]
    which: Which,
    /// The answer
    #[arg(long)]
    text: String,
}

#[derive(Serialize)]
struct Counted {
    review_id: ReviewId,
    run_id: RunId,
    decision: &'static str,
    by: String,
}

pub(super) async fn approve(shell: &Shell, args: Approve) -> Result<Exit, CliError> {
    decide(shell, args.which, Decision::Approve { note: args.note }).await
}

pub(super) async fn amend(shell: &Shell, args: Amend) -> Result<Exit, CliError> {
    let subject = input::read_json(&args.subject)?;
    decide(shell, args.which, Decision::Amend { subject, note: args.note }).await
}

pub(super) async fn reject(shell: &Shell, args: Reject) -> Result<Exit, CliError> {
    decide(shell, args.which, Decision::Reject { reason: args.reason }).await
}

pub(super) async fn respond(shell: &Shell, args: Respond) -> Result<Exit, CliError> {
    decide(shell, args.which, Decision::Respond { text: args.text }).await
}

async fn decide(shell: &Shell, which: Which, decision: Decision) -> Result<Exit, CliError> {
    let runtime = shell.reader().await?;
    let row = show::find(&*runtime.store, &which.review).await?;
    let review_id = row.request.review_id;
    let digest = shown(which.digest.as_deref(), row.request.subject_digest)?;
    let by = shell.person(which.by);
    let verb = decision.verb();
    let run_id = runtime.decide(review_id, digest, decision, &by).await?;
    if shell.output.is_for_people() {
        shell.output.line(format!("{review_id}  {verb} by {by}"))?;
    } else {
        shell.output.document(&Counted { review_id, run_id, decision: verb, by })?;
    }
    shell.output.next(format!("mainstay runs resume {run_id}"));
    Ok(Exit::Ok)
}

/// The digest that a person was shown, or else that of what is there now.
fn shown(digest: Option<&str>, now: Digest) -> Result<Digest, CliError> {
    let Some(text) = digest else { return Ok(now) };
    if now.to_string().eq_ignore_ascii_case(text) {
        return Ok(now);
    }
    let message = "what the review is about is not what was shown";
    Err(CliError::new(Code::DecisionInvalid, message).with_hint("mainstay reviews show"))
}
