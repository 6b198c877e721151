//! `/v1/work:…`: what workers in other processes send, and what they are answered.
//!
//! A worker polls for calls, keeps them by heartbeats, and completes or fails each once. It is
//! written down for people in `docs/tools-workers.md`.

mod messages;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::Response,
    routing::post,
};
use mainstay_core::{
    code::Code,
    remote::{RemoteWork, RemoteWorker},
    secret::Secret,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    Problem,
    body::{answer, read},
};
use messages::{Beaten, Complete, Empty, Fail, Handed, Heartbeat, PollMessage};

/// So many polls wait at once.
pub const MOST_POLLS: usize = 256;

/// The most calls that one heartbeat names.
const MOST_BEATEN: usize = 256;

#[derive(Clone)]
struct Work {
    remote: Arc<dyn RemoteWork>,
    polls: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Returns the routes of workers. Polls end when `stop` says so; answers are taken as long as
/// somebody listens.
pub fn router(remote: Arc<dyn RemoteWork>, stop: CancellationToken) -> Router {
    let polls = Arc::new(Semaphore::new(MOST_POLLS));
    Router::new()
        .route("/v1/work:poll", post(poll))
        .route("/v1/work:heartbeat", post(heartbeat))
        .route("/v1/work:complete", post(complete))
        .route("/v1/work:fail", post(fail))
        .fallback(nothing)
        .with_state(Work { remote, polls, stop })
}

const fn worker(name: String, token: Option<Secret>) -> RemoteWorker {
    RemoteWorker { name, token }
}

async fn poll(State(work): State<Work>, request: Request) -> Result<Response, Problem> {
    // Whoever takes long to say what it wants takes no place.
    let (message, token): (PollMessage, _) = read(request).await?;
    let Ok(_place) = work.polls.try_acquire() else {
        let full = Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::WorkersFull,
            format!("{MOST_POLLS} polls wait already"),
        );
        return Err(full.with_hint("take more calls with fewer polls").retryable());
    };
    let (name, asks) = message.asks();
    let worker = worker(name, token);
    let asked = work.remote.poll(&worker, asks);
    tokio::select! {
        // What is handed out must not be lost to the stop.
        biased;
        handed_out = asked => Ok(answer(&Handed::of(handed_out?))),
        () = work.stop.cancelled() => Ok(answer(&Handed::of(Vec::new()))),
    }
}

async fn heartbeat(State(work): State<Work>, request: Request) -> Result<Response, Problem> {
    let (Heartbeat { worker: name, calls }, token) = read(request).await?;
    if calls.len() > MOST_BEATEN {
        let detail = format!("a heartbeat names at most {MOST_BEATEN} calls");
        return Err(Problem::new(StatusCode::BAD_REQUEST, Code::WorkerMessage, detail));
    }
    let beat = work.remote.heartbeat(&worker(name, token), &calls).await?;
    Ok(answer(&Beaten::of(beat)))
}

async fn complete(State(work): State<Work>, request: Request) -> Result<Response, Problem> {
    let (Complete { worker: name, call, result }, token) = read(request).await?;
    work.remote.complete(&worker(name, token), &call, result).await?;
    Ok(answer(&Empty {}))
}

async fn fail(State(work): State<Work>, request: Request) -> Result<Response, Problem> {
    let (Fail { worker: name, call, failure }, token) = read(request).await?;
    work.remote.fail(&worker(name, token), &call, failure.into()).await?;
    Ok(answer(&Empty {}))
}

async fn nothing() -> Problem {
    let detail = "there is nothing at this path";
    Problem::new(StatusCode::NOT_FOUND, Code::WorkerMessage, detail)
        .with_hint("workers send to /v1/work:poll, :heartbeat, :complete and :fail")
}

#[cfg(test)]
mod tests;
