//! The suite of all transports, with a worker for each scene.
//!
//! What a connection loses or garbles never reaches a hub: to it, such a worker took the call and
//! was not heard of again. How bytes are refused is tested where they are read, in the server.

use std::sync::atomic::AtomicUsize;

use tokio::task::JoinHandle;

use super::*;
use crate::testing::transport::{Bench, HOSTILE, Scene, Stage, transport_conformance};

/// A worker that is silent is given up after this, where the scene is about silence.
const BRIEF: Duration = Duration::from_millis(100);

/// Elsewhere a slow machine must not look like a silent worker.
const AMPLE: Duration = Duration::from_secs(60);

/// What the suite asks of the worker.
#[derive(Default)]
struct Seen {
    calls: AtomicUsize,
    holds: AtomicBool,
}

/// A worker that ends with its stage.
struct Peer(JoinHandle<()>);

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Workers;

#[async_trait]
impl Bench for Workers {
    async fn stage(scene: Scene) -> Stage {
        let around = Surroundings {
            clock: Arc::new(Paused(tokio::time::Instant::now())),
            entropy: Arc::new(Fixed),
            secrets: Arc::new(Fixed),
        };
        let settings = Settings {
            lease: if is_silent(&scene) { BRIEF } else { AMPLE },
            patience: if scene == Scene::Absent { BRIEF } else { AMPLE },
            ..shop(None)
        };
        let hub = Hub::new(vec![settings], around);
        hub.listen();
        let seen = Arc::new(Seen::default());
        let tool = hub.served().remove(0);
        let peer = Peer(tokio::spawn(play(Arc::clone(&hub), scene, Arc::clone(&seen))));
        let (calls, holds) = (Arc::clone(&seen), seen);
        Stage {
            tool,
            calls: Box::new(move || calls.calls.load(Ordering::Relaxed)),
            holds: Box::new(move || holds.holds.load(Ordering::Relaxed)),
            _peer: Box::new(peer),
        }
    }
}

async fn play(hub: Arc<Hub>, scene: Scene, seen: Arc<Seen>) {
    if scene == Scene::Absent {
        return;
    }
    let call = taken(&hub).await;
    seen.holds.store(true, Ordering::Relaxed);
    seen.calls.fetch_add(1, Ordering::Relaxed);
    if is_silent(&scene) {
        return std::future::pending().await;
    }
    match answer(scene) {
        Some(Ok(value)) => hub.complete(&worker(""), &call.id, value).await.unwrap(),
        Some(Err(failure)) => hub.fail(&worker(""), &call.id, failure).await.unwrap(),
        // It never answers, and goes on beating until it hears that nobody waits.
        None => {
            let calls = [call.id];
            while !hub.heartbeat(&worker(""), &calls).await.unwrap().held.is_empty() {
                tokio::time::sleep(BRIEF / 10).await;
            }
        }
    }
    seen.holds.store(false, Ordering::Relaxed);
}

/// Whether nothing of the worker is heard after it took the call.
fn is_silent(scene: &Scene) -> bool {
    matches!(scene, Scene::HangsUp | Scene::CutsOff | Scene::Garbles | Scene::Malforms)
}

/// What a worker says in a scene, if anything.
fn answer(scene: Scene) -> Option<Result<Value, RemoteFailure>> {
    match scene {
        Scene::Answers(value) => Some(Ok(value)),
        Scene::FindsNothing => Some(Ok(Value::Null)),
        Scene::Floods => Some(Ok("x".repeat(2 << 20).into())),
        Scene::Hostile => Some(Ok(HOSTILE.into())),
        Scene::Misfits => Some(Ok(json!({"n": "one"}))),
        Scene::Refuses => Some(Err(RemoteFailure {
            code: String::new(),
            message: "no".to_owned(),
            retry: Retryability::Permanent,
            took_effect: TookEffect::No,
            retry_after: None,
        })),
        Scene::Hangs
        | Scene::HangsUp
        | Scene::CutsOff
        | Scene::Garbles
        | Scene::Malforms
        | Scene::Absent => None,
    }
}

transport_conformance!(Workers);
