//! The suite of all transports, with a command as the peer.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};

use super::{perl, sandbox, spec};
use crate::{
    testing::transport::{Bench, HOSTILE, Scene, Stage, transport_conformance},
    transport::process::{ProcessCommand, ProcessTool, ResultForm},
};

struct Commands;

/// A folder that a command may write to, gone with its stage.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind lies in a folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns what a peer does, and the answer that lies beside it.
fn script(scene: &Scene) -> (&'static str, Value) {
    let prints = "open A, '<', \"$place/answer\"; print <A>";
    match scene {
        Scene::Answers(value) => (prints, value.clone()),
        Scene::FindsNothing => (prints, Value::Null),
        Scene::Hostile => (prints, json!(HOSTILE)),
        Scene::Misfits => (prints, json!({"n": "x"})),
        Scene::Hangs => ("sleep 1000", Value::Null),
        Scene::HangsUp => ("use POSIX; POSIX::abort()", Value::Null),
        Scene::CutsOff => ("use POSIX; $| = 1; print '{\"n\": '; POSIX::abort()", Value::Null),
        Scene::Garbles => ("print qq(\\xff\\xfe\\x00)", Value::Null),
        Scene::Malforms => ("print '{\"n\": '", Value::Null),
        Scene::Floods => ("print 'x' x 2_000_000", Value::Null),
        Scene::Refuses => ("exit 64", Value::Null),
        Scene::Absent => ("", Value::Null),
    }
}

#[async_trait]
impl Bench for Commands {
    async fn stage(scene: Scene) -> Stage {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let place =
            std::env::temp_dir().join(format!("mainstay-stage-{}-{number}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let (does, answer) = script(&scene);
        fs::write(place.join("answer"), answer.to_string()).unwrap();
        let begun = format!(
            "my $place = '{}'; open C, '>>', \"$place/calls\"; print C \"$$\\n\"; close C; {does}",
            place.display()
        );
        let mut command = ProcessCommand { form: ResultForm::Json, ..perl(&begun) };
        command.paths.write.push(place.clone());
        if scene == Scene::Absent {
            let program = place.join("program");
            fs::write(&program, "").unwrap();
            command.argv = vec![program.display().to_string()];
        }
        let tool = Arc::new(ProcessTool::new(spec(), "stage", command, sandbox()).unwrap());
        if scene == Scene::Absent {
            fs::remove_file(place.join("program")).unwrap();
        }
        let (calls, held) = (place.join("calls"), place.join("calls"));
        let pids = |path: &PathBuf| -> Vec<i32> {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().filter_map(|line| line.parse().ok()).collect()
        };
        let alive = |pid: i32| Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
        Stage {
            tool,
            calls: Box::new(move || pids(&calls).len()),
            holds: Box::new(move || pids(&held).into_iter().any(alive)),
            _peer: Box::new(Place(place)),
        }
    }
}

transport_conformance!(Commands);
