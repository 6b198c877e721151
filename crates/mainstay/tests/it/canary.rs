//! Secrets are seen by their servers and by nobody else: everything that a run leaves behind is
//! searched, on both databases, while every server tells its secret back in every form it knows.

mod left;
mod scene;

use std::fs;

use mainstay_testing::{
    canary::{Canary, Search},
    postgres::TestDatabase,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::program::Ended;
use left::{rows_of_postgres, rows_of_sqlite};
use scene::Scene;

/// Commands that tell of the last run.
const TELL_OF_A_RUN: [&[&str]; 10] = [
    &["runs", "show"],
    &["runs", "show", "--json"],
    &["runs", "tail"],
    &["runs", "tail", "--json"],
    &["runs", "ls", "--json"],
    &["runs", "export"],
    &["runs", "cassette"],
    &["usage", "--by", "model", "--json"],
    &["reviews", "ls", "--json"],
    &["reviews", "show", "@last"],
];

/// Commands that tell of the program, or of what is wrong with it.
const TELL: [&[&str]; 11] = [
    &["tools", "ls", "--json"],
    &["tools", "show", "own.act", "--json"],
    &["tools", "health", "--json"],
    &["tools", "approve", "own", "--dry-run"],
    &["tools", "call", "crm.act", "how=broken", "--json"],
    &["tools", "call", "web.act", "how=status", "--json"],
    &["models", "ls", "--json"],
    &["models", "ping", "lab:refuse", "--json"],
    &["flows", "check", "--json"],
    &["doctor", "--json"],
    &["explain", "MS-5022"],
];

/// Commands that cannot work, and the variable that keeps each from working.
const FAIL: [(&str, &str); 7] = [
    ("DATABASE_URL", "postgres://ann:{}@127.0.0.1:1/none"),
    ("DATABASE_URL", "postgres://ann:{}@127.0.0.1:port/none"),
    ("DATABASE_URL", "mysql://ann:{}@127.0.0.1/none"),
    ("MAINSTAY__HTTP__CRM__AUTH", "{}"),
    ("MAINSTAY__HTTP__CRM__AUTH__BEARER", "{}"),
    ("MAINSTAY__WORKERS__SHOP__TOKEN", "{}"),
    ("MAINSTAY__MODELS__ENDPOINTS__LAB__KEY_ENV", "{}"),
];

/// Lines of the configuration, and what somebody writes there who mistakes a reference for its value.
const MISTAKES: [(&str, &str); 6] = [
    ("\"secret:crm\"", "'{}'"),
    ("{ bearer = \"secret:crm\" }", "'{}'"),
    ("{ bearer = \"secret:crm\" }", "{ bearer = '{}"),
    ("\"secret:shop\"", "'{}'"),
    ("\"LAB_KEY\"", "'{}'"),
    ("[http.crm]", "[http.crm]\nkey = '{}'"),
];

/// Has the errand run and a job left in doubt, and searches what is left of both.
fn searched(scene: &Scene, rows: impl FnOnce() -> Vec<(String, Vec<u8>)>) -> Search {
    let mut search = Search::default();
    let worker = scene.worker();
    let ended = scene.run(&["run", "errand", "--json"]);
    assert_eq!(ended.exit, 0, "{ended:?}\n{}", worker.log());
    everybody_answered(&ended);
    look_at_output(scene, &mut search, "the run", &ended);
    tell(scene, &mut search, &TELL_OF_A_RUN);
    tell(scene, &mut search, &TELL);
    let ended = scene.run(&["jobs", "run", "--plan", "plan.json", "--yes", "--json"]);
    assert_eq!(ended.exit, 10, "{ended:?}");
    assert!(ended.out.contains("in_doubt"), "{ended:?}");
    look_at_output(scene, &mut search, "the job", &ended);
    tell(scene, &mut search, &TELL_OF_A_RUN);
    look_at_faults(scene, &mut search);
    look_at_files(scene, &mut search, &rows());
    search.look(scene.canaries(), "logs", "worker", worker.end().as_bytes());
    search
}

/// Checks that what was told back is in the output, so that its secrets were taken out.
fn everybody_answered(ended: &Ended) {
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(document["status"], "completed", "{document}");
    let output = document["output"].to_string();
    for told in ["value", "error", "refuse", "page", "midway", "kept", "agent"] {
        assert!(output.contains(&format!("told-back {told}")), "{told}: {output}");
    }
    assert!(output.contains("I stumbled with Secret(…)"), "{output}");
}

fn tell(scene: &Scene, search: &mut Search, commands: &[&[&str]]) {
    for arguments in commands {
        let ended = scene.run(arguments);
        assert_ne!(ended.exit, 2, "{arguments:?} is a command: {ended:?}");
        look_at_output(scene, search, &format!("{arguments:?}"), &ended);
    }
}

fn look_at_output(scene: &Scene, search: &mut Search, what: &str, ended: &Ended) {
    let kind = match what {
        what if what.contains("export") => "exports",
        what if what.contains("cassette") => "cassettes",
        _ => "outputs",
    };
    search.look(scene.canaries(), kind, what, ended.out.as_bytes());
    search.look(scene.canaries(), "errors and logs", what, ended.err.as_bytes());
}

/// What is said about a configuration in which a value stands where its reference should.
fn look_at_faults(scene: &Scene, search: &mut Search) {
    let secret = scene.canary("crm").secret();
    for (variable, value) in FAIL {
        let mut command = scene.command(&["doctor"]);
        let ended = Ended::of(command.env(variable, value.replace("{}", secret)).output().unwrap());
        assert_ne!(ended.exit, 0, "{variable} is refused: {ended:?}");
        search.look(scene.canaries(), "refusals", variable, (ended.out + &ended.err).as_bytes());
    }
    let path = scene.place.path().join("mainstay.toml");
    let right = fs::read_to_string(&path).unwrap();
    for (reference, mistake) in MISTAKES {
        fs::write(&path, right.replace(reference, &mistake.replace("{}", secret))).unwrap();
        let ended = scene.run(&["tools", "ls"]);
        assert_ne!(ended.exit, 0, "{mistake} is refused: {ended:?}");
        search.look(scene.canaries(), "refusals", mistake, (ended.out + &ended.err).as_bytes());
    }
    fs::write(&path, right).unwrap();
}

fn look_at_files(scene: &Scene, search: &mut Search, rows: &[(String, Vec<u8>)]) {
    let kept = rows.iter().filter(|(_, bytes)| contains(bytes, b"told-back"));
    assert!(kept.count() >= 10, "what was told back is kept, without the secret");
    for (what, bytes) in rows {
        search.look(scene.canaries(), "rows", what, bytes);
    }
    search.look_into(scene.canaries(), "files", scene.place.path());
    search.look(scene.canaries(), "arguments of processes", "ps", scene.noted("argv").as_bytes());
    for server in ["crm", "own", "web", "shop", "lab"] {
        let own = scene.canary(server);
        let shown = scene.noted(&format!("{server}.shown"));
        let seen = shown.lines().filter(|line| *line == own.secret()).count();
        assert!(seen > 0, "`{server}` is shown its secret: {shown}");
        assert_eq!(seen, shown.lines().count(), "and no other: {shown}");
        search.look(
            scene.canaries(),
            "prompts and arguments",
            server,
            scene.noted(&format!("{server}.sent")).as_bytes(),
        );
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Returns what was looked at, and how often something was found.
fn figures(search: &Search) -> String {
    let looked_at = search.looked_at();
    let kinds = looked_at.iter().map(|(kind, (artefacts, bytes))| {
        format!("{kind}: {artefacts} looked at, {bytes} bytes\n")
    });
    let artefacts: usize = looked_at.values().map(|(artefacts, _)| artefacts).sum();
    let found = search.found().len();
    kinds.collect::<String>()
        + &format!("figure secrets_searched={artefacts} artefacts\n")
        + &format!("figure secrets_found={found} places")
}

fn nothing_is_found(search: &Search) {
    for kind in KINDS {
        let (artefacts, _) = search.looked_at().get(kind).copied().unwrap_or_default();
        assert!(artefacts > 0, "there are {kind}");
    }
    assert_eq!(search.found(), [] as [String; 0]);
}

/// What a run leaves behind, in kinds.
const KINDS: [&str; 10] = [
    "arguments of processes",
    "cassettes",
    "errors and logs",
    "exports",
    "files",
    "logs",
    "outputs",
    "prompts and arguments",
    "refusals",
    "rows",
];

#[test]
fn nothing_that_a_run_leaves_in_files_holds_a_secret() {
    let scene = Scene::new(None);
    let search = searched(&scene, || rows_of_sqlite(&scene.place.path().join("errand.db")));
    println!("{}", figures(&search));
    nothing_is_found(&search);
}

#[test]
fn nothing_that_a_run_leaves_in_postgres_holds_a_secret() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(TestDatabase::create()).unwrap();
    let password = Canary::new("db");
    let scene = Scene::new(Some((database.url(), password)));
    let search = searched(&scene, || runtime.block_on(rows_of_postgres(database.url())));
    println!("{}", figures(&search));
    nothing_is_found(&search);
    runtime.block_on(database.close()).unwrap();
}
