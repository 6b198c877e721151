//! `mainstay worker`: drives runs until told to stop.

use std::{net::SocketAddr, sync::Arc};

use mainstay_core::{code::Code, model::ModelId};
use mainstay_engine::worker::Worker;
use tokio_util::sync::CancellationToken;

use super::{count, error::CliError, exit::Exit, health, interrupt, settle, shell::Shell};

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
    /// What people know it by; else host and process
    #[arg(long)]
    name: Option<String>,
}

pub(crate) async fn run(mut shell: Shell, args: Args) -> Result<Exit, CliError> {
    let listener = match args.health {
        Some(address) => Some(health::bind(address).await?),
        None => None,
    };
    let database = shell.database()?;
    let mut runtime = shell.driver(&database, args.model.as_ref()).await?;
    if let Some(concurrency) = args.concurrency {
        runtime.options.concurrency = concurrency.max(1);
    }
    let (output, runtime) = (shell.output, Arc::new(runtime));
    let name = args.name.unwrap_or_else(settle::name);
    let flows: Vec<_> = runtime.flows.iter().map(|flow| flow.version.to_string()).collect();
    output.note(format!("worker {name} on {database} drives {}", flows.join(", ")));
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
    if let Some(doors) = doors {
        // It ends with the stop.
        let _ = doors.await;
    }
    let report = ended.map_err(|error| CliError::new(Code::Bug, error.to_string()))??;
    let claimed = count::of(report.claimed, "run");
    output.note(format!("claimed {claimed}, lost {}", count::of(report.sessions_lost, "session")));
    Ok(Exit::Ok)
}
