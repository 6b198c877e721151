//! The suite that every transport must pass, over standard streams.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use mainstay_core::secret::{Secret, SecretRef};
use serde_json::json;

use super::*;
use crate::testing::{
    SystemClock,
    transport::{Bench, HOSTILE, Scene, Stage, transport_conformance},
};

/// The server of the tests at the outer border; it does what `scene.json` says.
const SCRIPTED: &str = include_str!("../../../tests/it/mcp/scripted.py");

struct Stdio;

struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret, String> {
        Err("there are none".to_owned())
    }
}

/// A folder of one stage's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Arc<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("mainstay-mcp-stage-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Arc::new(Self(path))
    }

    fn heard(&self, method: &str) -> usize {
        let text = fs::read_to_string(self.0.join("heard")).unwrap_or_default();
        text.matches(&format!("\"method\": \"{method}\"")).count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn script(scene: Scene) -> Value {
    match scene {
        Scene::Answers(value) => json!({"do": "structured", "value": value}),
        Scene::FindsNothing | Scene::Absent => json!({"do": "nothing"}),
        Scene::Hangs => json!({"do": "hang"}),
        Scene::HangsUp => json!({"do": "die"}),
        Scene::CutsOff => json!({"do": "cut off"}),
        Scene::Garbles => json!({"do": "garble"}),
        Scene::Malforms => json!({"do": "malformed"}),
        Scene::Floods => json!({"do": "big", "size": 2 << 20}),
        Scene::Refuses => json!({"do": "refuse", "code": -32_602}),
        Scene::Hostile => json!({"do": "say", "text": HOSTILE}),
        Scene::Misfits => json!({"do": "structured", "value": {"n": "one"}}),
    }
}

fn server(program: &str, folder: &Path) -> Reach {
    let argv = [program, "-u", "-c", SCRIPTED, &folder.display().to_string()];
    let path = Given::Text("/usr/local/bin:/usr/bin:/bin".to_owned());
    let env = BTreeMap::from([("PATH".to_owned(), path)]);
    Reach::Command { argv: argv.map(str::to_owned).to_vec(), env }
}

#[async_trait]
impl Bench for Stdio {
    async fn stage(scene: Scene) -> Stage {
        let folder = Folder::new();
        let absent = scene == Scene::Absent;
        fs::write(folder.0.join("scene.json"), script(scene).to_string()).unwrap();
        let around =
            Surroundings::new(Arc::new(SystemClock), Arc::new(NoSecrets), Pins::in_memory());
        let open = |program: &str| {
            let settings = Settings::new("peer", server(program, &folder.0));
            Server::new(settings, around.clone()).open()
        };
        let mut opened = open("python3").await.unwrap();
        if absent {
            opened = open("/nothing/here").await.unwrap();
        }
        let (counted, watched) = (Arc::clone(&folder), Arc::clone(&folder));
        Stage {
            tool: opened.tools.remove(0),
            calls: Box::new(move || counted.heard("tools/call")),
            holds: Box::new(move || watched.heard("notifications/cancelled") == 0),
            _peer: Box::new(folder),
        }
    }
}

transport_conformance!(Stdio);
