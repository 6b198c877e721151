//! The program, its configuration, and the servers around it, each with a secret of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use mainstay_testing::canary::Canary;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::program::{Ended, Place, example};

const TELLER: &str = include_str!("teller.py");

const DOCUMENT: &str = r#"
openapi: 3.1.0
paths:
  /act/{how}:
    get:
      operationId: act
      parameters: [{name: how, in: path, required: true, schema: {type: string}}]
    post:
      operationId: change
      parameters: [{name: how, in: path, required: true, schema: {type: string}}]
"#;

/// A job whose action is left in doubt, with what its server tells of it.
const PLAN: &str = r#"{"goal": "change it", "steps": [
    {"id": "change", "tool": "crm.change", "args": {"how": "lose"}}]}"#;

/// What the agent calls, and how each server tells its secret back.
const CALLS: [(&str, &[&str]); 4] = [
    (
        "crm.act",
        &[
            "value",
            "text",
            "refuse",
            "lose",
            "wait",
            "kind",
            "twice",
            "broken",
            "again",
            "elsewhere",
            "nowhere",
            "garbage",
        ],
    ),
    (
        "own.act",
        &["structured", "nested", "text", "fail", "error", "params", "noise", "unreadable"],
    ),
    (
        "web.act",
        &[
            "structured",
            "nested",
            "text",
            "fail",
            "error",
            "params",
            "status",
            "refused",
            "kind",
            "broken",
            "events",
        ],
    ),
    ("shop.act", &["value", "fail"]),
];

/// A process that is ended with the value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Where everything happens.
pub(super) struct Scene {
    pub(super) place: Place,
    /// Where the servers write down what they were shown; nobody else does.
    notes: Place,
    canaries: Vec<Canary>,
    database: String,
    _web: Process,
}

impl Scene {
    /// Starts the servers. On Postgres, the address of the database holds a password.
    pub(super) fn new(postgres: Option<(&str, Canary)>) -> Self {
        let (place, notes) = (Place::new(), Place::new());
        let names = ["crm", "own", "web", "shop", "lab", "stumble"];
        let mut canaries: Vec<_> = names.into_iter().map(Canary::new).collect();
        let database = match postgres {
            None => "sqlite://errand.db".to_owned(),
            Some((url, password)) => {
                let url = with_password(url, password.secret());
                canaries.push(password);
                url
            }
        };
        let write = |place: &Place, name: &str, text: &str| {
            fs::write(place.path().join(name), text).unwrap();
        };
        write(&notes, "teller.py", TELLER);
        let calls = CALLS
            .into_iter()
            .flat_map(|(tool, hows)| hows.iter().map(move |how| json!([tool, {"how": how}])));
        write(&notes, "calls.json", &json!(calls.collect::<Vec<_>>()).to_string());
        let (web, port) = web(&notes);
        write(&place, "crm.yaml", DOCUMENT);
        write(&place, "plan.json", PLAN);
        write(&place, "mainstay.toml", &configuration(port, &notes));
        let scene = Self { place, notes, canaries, database, _web: web };
        scene.keep_in_a_file("web");
        scene
    }

    /// Puts a secret where `[secrets]` looks for it.
    fn keep_in_a_file(&self, name: &str) {
        let folder = self.notes.path().join("secrets");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), self.canary(name).secret()).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn canaries(&self) -> &[Canary] {
        &self.canaries
    }

    pub(super) fn canary(&self, name: &str) -> &Canary {
        self.canaries.iter().find(|canary| canary.name() == name).unwrap()
    }

    /// Returns what the servers wrote down.
    pub(super) fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.notes.path().join(name)).unwrap_or_default()
    }

    /// Returns a command of the program with its secrets, everything logged.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.command_of(&example("errand"), arguments);
        let of = |name: &str| self.canary(name).secret().to_owned();
        for name in ["crm", "own", "shop"] {
            command.env(format!("MAINSTAY_SECRET_{}", name.to_uppercase()), of(name));
        }
        command.env("LAB_KEY", of("lab")).env("STUMBLE", of("stumble"));
        command.env("MAINSTAY_LOG", "trace,rmcp=trace").env("RUST_BACKTRACE", "full");
        command.env("DATABASE_URL", &self.database);
        command
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Starts `mainstay worker`, and the worker in another process that serves `shop`.
    pub(super) fn worker(&self) -> Worker {
        let path = self.notes.path().join("worker.log");
        let mut command = self.command(&["worker", "--listen", "127.0.0.1:0"]);
        let log = fs::File::create(&path).unwrap();
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut process = Process(child);
        let url = || {
            let log = fs::read_to_string(&path).unwrap();
            let after = log.split_once("other processes come to ")?.1;
            Some(after.lines().next()?.trim().to_owned())
        };
        while url().is_none() {
            let ended = process.0.try_wait().unwrap();
            assert!(ended.is_none(), "{}", fs::read_to_string(&path).unwrap());
            std::thread::yield_now();
        }
        let mut shop = self.teller("work");
        shop.arg(url().unwrap()).env("SHOP_TOKEN", self.canary("shop").secret());
        let shop = Process(shop.stderr(Stdio::null()).spawn().unwrap());
        Worker { process, path, _shop: shop }
    }

    fn teller(&self, role: &str) -> Command {
        teller(&self.notes, role)
    }
}

/// A worker of the program.
pub(super) struct Worker {
    process: Process,
    path: PathBuf,
    _shop: Process,
}

impl Worker {
    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.path).unwrap()).into_owned()
    }

    /// Ends it, and returns its log.
    pub(super) fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.process.0), Signal::TERM).unwrap();
        self.process.0.wait().unwrap();
        let log = self.log();
        for level in ["TRACE", "DEBUG", "mcp stderr", "rmcp"] {
            assert!(log.contains(level), "the log is at its finest, {level}");
        }
        log
    }
}

fn teller(notes: &Place, role: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg("-u").arg(notes.path().join("teller.py")).arg(role).arg(notes.path());
    command
}

fn web(notes: &Place) -> (Process, u16) {
    let mut child = teller(notes, "web").stdout(Stdio::piped()).spawn().unwrap();
    let mut port = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
    (Process(child), port.trim().parse().unwrap())
}

fn configuration(port: u16, notes: &Place) -> String {
    let notes = notes.path().display();
    let tool = "effect = \"read\"\nattempts = 1\npolls = true\n";
    let once = format!("{tool}timeout = \"2m\"\n");
    format!(
        r#"
[secrets]
folder = "{notes}/secrets"

[http.crm]
document = "crm.yaml"
base_url = "http://127.0.0.1:{port}"
auth = {{ bearer = "secret:crm" }}
allow = ["127.0.0.1:{port}"]
[http.crm.operations.act]
{once}
[mcp.own]
command = ["python3", "-u", "{notes}/teller.py", "mcp", "{notes}"]
start_timeout = "2m"
env = {{ OWN_KEY = "Bearer secret:own" }}
[mcp.own.tools.act]
{once}
[mcp.web]
url = "http://127.0.0.1:{port}/mcp"
start_timeout = "2m"
headers = {{ authorization = "Bearer secret:web" }}
[mcp.web.tools.act]
{once}
[workers.shop]
token = "secret:shop"
lease = "2m"
patience = "1m"
[workers.shop.tools.act]
input_schema = {{ type = "object", additionalProperties = true }}
{once}
[models.endpoints.lab]
dialect = "openai"
base_url = "http://127.0.0.1:{port}/v1"
key_env = "LAB_KEY"
price = {{ input = 1, output = 1 }}
"#
    )
}

/// Writes a password into the address of a database that asks for none.
fn with_password(url: &str, password: &str) -> String {
    let escaped: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (user, host) = rest.split_once('@').unwrap_or(("postgres", rest));
    let user = user.split(':').next().unwrap();
    format!("{scheme}://{user}:{escaped}@{host}")
}
