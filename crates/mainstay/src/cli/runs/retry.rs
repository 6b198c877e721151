//! `mainstay runs retry`.

use super::resume::{self, How};
use crate::cli::{error::CliError, exit::Exit, ids, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
    #[command(flatten)]
    how: How,
}

pub(super) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let reader = shell.reader().await?;
    let run_id = ids::run(&*reader.store, &args.run).await?;
    reader.retry(run_id, &shell.person(args.how.by.clone())).await?;
    resume::go_on(&mut shell, reader, run_id, &args.how).await
}
