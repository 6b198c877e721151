//! `mainstay runs tail`.

use std::{pin::pin, time::Duration};

use mainstay_core::store::operation::JournalRequest;
use mainstay_engine::{commands::is_stopped, error::EngineError};

use crate::cli::{
    error::CliError,
    exit::Exit,
    ids, interrupt,
    output::Format,
    shell::Shell,
    timeline::{self, Timeline},
};

/// Pause between two looks at the journal.
const LOOK: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id, the beginning of it, or @last
    #[arg(default_value = "@last")]
    run: String,
}

pub(super) async fn run(shell: &Shell, args: Args) -> Result<Exit, CliError> {
    let mut interrupted = pin!(interrupt::asked());
    let runtime = shell.reader().await?;
    let run_id = ids::run(&*runtime.store, &args.run).await?;
    let (mut timeline, mut from) = (Timeline::default(), 1);
    loop {
        // The row is read first: what it says has ended is then wholly in the journal.
        let row = runtime.row(run_id).await?;
        let rows = runtime.store.journal(JournalRequest { run_id, from, limit: 500 }).await?;
        let more = !rows.is_empty();
        for row in rows {
            from = row.position + 1;
            let entry = row.entry().map_err(EngineError::from)?;
            let Some(moment) = timeline.take(&row, &entry) else { continue };
            match shell.output.format {
                Format::Json | Format::JsonLines => shell.output.raw(
                    format!("{}\n", serde_json::to_string(&moment).unwrap_or_default()).as_bytes(),
                )?,
                Format::People => {
                    let paint = |tone, text: &str| shell.output.paint(tone, text);
                    for line in timeline::lines(&[moment], &paint) {
                        shell.output.line(line)?;
                    }
                }
            }
        }
        if !more && (row.status.is_terminal() || is_stopped(&row)) {
            shell.output.next(format!("mainstay runs show {run_id}"));
            return Ok(Exit::Ok);
        }
        tokio::select! {
            () = &mut interrupted => return Ok(Exit::Interrupted),
            () = runtime.clock.sleep(LOOK), if !more => {}
            () = std::future::ready(()), if more => {}
        }
    }
}
