//! `mainstay runs export`.

use std::path::PathBuf;

use mainstay_core::code::Code;

use crate::cli::{count, error::CliError, exit::Exit, ids, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
    /// The file to write; else standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let runtime = shell.reader().await?;
    let run_id = ids::run(&*runtime.store, &args.run).await?;
    // Said by the row that is missing, not by an empty file.
    runtime.row(run_id).await?;
    let mut lines = Vec::new();
    for life in runtime.lives(run_id).await? {
        lines.extend(runtime.export(life).await?);
    }
    let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let Some(path) = args.output else {
        shell.output.raw(text.as_bytes())?;
        return Ok(Exit::Ok);
    };
    std::fs::write(&path, text).map_err(|error| {
        CliError::new(Code::InvalidArgument, format!("{}: {error}", path.display()))
            .with_hint("name a file in a folder that is there")
    })?;
    shell.output.note(format!("{} of {run_id}", count::of(lines.len(), "row")));
    shell.output.next(format!("mainstay audit verify {} --allow-open", path.display()));
    Ok(Exit::Ok)
}
