//! `mainstay worker`: drives runs until told to stop.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use mainstay_core::{code::Code, model::ModelId};
use mainstay_engine::worker::Worker;
use tokio_util::sync::CancellationToken;

use crate::remote::{Door, agreed};

use super::{count, error::CliError, exit::Exit, health, interrupt, settle, shell::Shell, span};

/// A week goes as a whole: less would drop what has just ended.
const SHORTEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Runs driven at the same time
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
    /// The model behind every tier: VENDOR:NAME
    #[arg(long, value_name = "VENDOR:NAME")]
    model: Option<ModelId>,
    /// Answer /livez and /readyz here, such as 127.0.0.1:7374
    #[arg(long, value_name = "ADDRESS:PORT")]
    health: Option<SocketAddr>,
    /// Workers in other processes come here; else MAINSTAY_BIND, else 127.0.0.1:7373
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Drop weeks of runs that ended longer ago than this, such as 90d; else all are kept
    #[arg(long, value_name = "SPAN")]
    retention: Option<String>,
    /// Write a week's journals here, a file a week, before it is dropped
    #[arg(long, value_name = "FOLDER", requires = "retention")]
    export: Option<std::path::PathBuf>,
    /// What people know it by; else host and process
    #[arg(long)]
    name: Option<String>,
}

pub(crate) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let listener = match args.health {
        Some(address) => Some(health::bind(address).await?),
        None => None,
    };
    let retention = args.retention.as_deref().map(retention).transpose()?;
    let database = shell.database()?;
    let mut runtime = shell.driver(&database, args.model.as_ref()).await?;
    for flow in runtime.flows.iter() {
        agreed::served(flow.program.definition(), &runtime.tools.specs())?;
    }
    if let Some(concurrency) = args.concurrency {
        runtime.options.concurrency = concurrency.max(1);
    }
    let remote = Door::open(shell.hub.take(), args.listen, &shell.settings).await?;
    runtime.options.retention = retention;
    runtime.options.export_dir = args.export;
    let (output, runtime) = (shell.output, Arc::new(runtime));
    let name = args.name.unwrap_or_else(settle::name);
    let flows: Vec<_> = runtime.flows.iter().map(|flow| flow.version.to_string()).collect();
    output.note(format!("worker {name} on {database} drives {}", flows.join(", ")));
    if let Some(remote) = &remote {
        output.note(format!("workers in other processes come to {}", remote.url()));
    }
    // Calls under way at a stop still need their workers.
    let closing = CancellationToken::new();
    let remote = remote.map(|remote| tokio::spawn(remote.serve(closing.clone())));
    let stop = CancellationToken::new();
    let doors = listener.map(|listener| {
        tokio::spawn(health::serve(listener, Arc::clone(&runtime.store), stop.clone()))
    });
    let mut worker = tokio::spawn(Worker::new(Arc::clone(&runtime), name).run(stop.clone()));
    let ended = tokio::select! {
        ended = &mut worker => ended,
        () = interrupt::asked() => {
            output.note("stopping: calls under way may end, runs are given back");
            stop.cancel();
            worker.await
        }
    };
    stop.cancel();
    closing.cancel();
    for door in [doors, remote].into_iter().flatten() {
        // It ends with the stop.
        let _ = door.await;
    }
    let report = ended.map_err(|error| CliError::new(Code::Bug, error.to_string()))??;
    let claimed = count::of(report.claimed, "run");
    output.note(format!("claimed {claimed}, lost {}", count::of(report.sessions_lost, "session")));
    Ok(Exit::Ok)
}

fn retention(text: &str) -> Result<Duration, CliError> {
    span::read(text).filter(|span| *span >= SHORTEST).ok_or_else(|| {
        CliError::new(Code::InvalidArgument, format!("--retention is `{text}`"))
            .with_hint("write a week or more, such as `90d`")
    })
}
