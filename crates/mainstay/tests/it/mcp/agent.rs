//! An agent with the tools of real servers, and of one that is killed, hangs, floods and changes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use mainstay::prelude::*;
use mainstay_core::{
    effect::{EffectKind, EffectOutcome},
    journal::Entry,
    model::{ModelCatalog, ModelId},
    retry::RetryPolicy,
    run::RunStatus,
    secret::{Secret, SecretRef, Secrets},
    tool::{Control, EffectClass, KeyValidity, ToolCatalog},
};
use mainstay_engine::{
    commands::StartRun,
    flows::Flows,
    program::Flow,
    runtime::Runtime,
    system::{OsEntropy, SystemClock},
    worker::Worker,
};
use mainstay_providers::{
    prices::Prices,
    scripted::{Script, Scripted},
};
use mainstay_store::model::MemoryStore;
use mainstay_tools::{
    Registry, Resources,
    transport::mcp::{Given, Overrides, Pins, Reach, Server, Settings, Surroundings, Trust},
};
use serde_json::json;

use super::SCRIPTED;

/// The turns of the agent: what works first, then one trouble after the other.
const SCRIPT: &str = r"
model: clerk
rules:
  - when: { any: ['11 of 12'] }
    reply: { text: filed }
  - when: { any: ['1 of 12'] }
    capture: { folder: 'folder=(\S+)' }
    reply: { tool_calls: [{ name: files.write_file, arguments: { path: '{{folder}}/note.txt', content: twelve boxes } }] }
  - when: { any: ['2 of 12'] }
    capture: { folder: 'folder=(\S+)' }
    reply: { tool_calls: [{ name: files.read_text_file, arguments: { path: '{{folder}}/note.txt' } }] }
  - when: { any: ['3 of 12'] }
    reply: { tool_calls: [{ name: every.echo, arguments: { message: over pipes } }] }
  - when: { any: ['4 of 12'] }
    reply: { tool_calls: [{ name: web.echo, arguments: { message: over HTTP } }] }
  - when: { any: ['5 of 12'] }
    reply: { tool_calls: [{ name: own.act, arguments: { do: die } }] }
  - when: { any: ['6 of 12'] }
    reply: { tool_calls: [{ name: own.act, arguments: { do: hang } }] }
  - when: { any: ['7 of 12'] }
    reply: { tool_calls: [{ name: own.act, arguments: { do: say, text: back again } }] }
  - when: { any: ['8 of 12'] }
    reply: { tool_calls: [{ name: own.act, arguments: { do: long line, size: 5000000 } }] }
  - when: { any: ['9 of 12'] }
    capture: { other: 'other=(\S+)' }
    reply: { tool_calls: [{ name: own.act, arguments: { do: change, text: '{{other}}', tell: true } }] }
  - when: { any: ['10 of 12'] }
    reply: { tool_calls: [{ name: own.other, arguments: {} }] }
";

const TOOLS: [&str; 6] =
    ["files.write_file", "files.read_text_file", "every.echo", "web.echo", "own.act", "own.other"];

/// Files a note.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Filing {
    folder: String,
}

#[flow(name = "filing", version = 1)]
impl Filing {
    #[start(grants = [
        "files.write_file", "files.read_text_file", "every.echo", "web.echo", "own.act", "own.other",
    ])]
    async fn work(&self, cx: &StepContext) -> Result<String> {
        let model: ModelId = "scripted:clerk".parse()?;
        let clerk = Agent::new("clerk", "a clerk", "file it")
            .with_model(model)
            .with_grants(Grants::from_iter(TOOLS))
            .with_turns(12);
        let task = format!("File the note. folder={} other=changed", self.folder);
        Ok(cx.agent(&clerk, Assignment::of(task)).await?.text)
    }
}

struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn resolve(&self, _: &SecretRef) -> Result<Secret, String> {
        Err("there are none".to_owned())
    }
}

/// Where the servers of the protocol's authors are; installed once.
fn package(server: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/npm/mcp-agent");
    fs::create_dir_all(&folder).unwrap();
    let lock = fs::File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let script =
        folder.join(format!("node_modules/@modelcontextprotocol/server-{server}/dist/index.js"));
    if !script.exists() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
        npm.arg(&folder).args([
            "@modelcontextprotocol/server-everything@2026.8.31",
            "@modelcontextprotocol/server-filesystem@2026.8.31",
        ]);
        assert!(npm.stdout(Stdio::null()).status().unwrap().success(), "npm cannot install");
    }
    script
}

fn command(argv: &[&str]) -> Reach {
    let path = ["/usr/local/bin", "/usr/bin", "/bin"].join(":");
    let env = BTreeMap::from([("PATH".to_owned(), Given::Text(path))]);
    Reach::Command { argv: argv.iter().map(|word| (*word).to_owned()).collect(), env }
}

/// The demonstration server over HTTP; it is ended with the value.
struct Everything(Child, u16);

impl Everything {
    fn start() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut child = Command::new("node")
            .arg(package("everything"))
            .arg("streamableHttp")
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut lines = std::io::BufRead::lines(errors);
        assert!(lines.any(|line| line.unwrap().contains(&port.to_string())));
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, port)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn tool(name: &str, description: &str) -> serde_json::Value {
    let any = json!({"type": "object", "additionalProperties": true});
    json!({"name": name, "description": description, "inputSchema": any})
}

fn servers(folder: &Path, every: &Everything) -> Vec<Settings> {
    let shown = folder.display().to_string();
    let once = RetryPolicy::never();
    let writes = Overrides {
        effect: Some(EffectClass::Idempotent { key_valid_for: KeyValidity::Forever }),
        control: Some(Control::none()),
        ..Overrides::default()
    };
    let reads = Overrides {
        effect: Some(EffectClass::Read),
        retry: Some(once),
        timeout: Some(Duration::from_secs(3)),
        ..Overrides::default()
    };
    let of = |name: &str, reach, tools: &[(&str, &Overrides)]| Settings {
        trust: Trust::Trusted,
        tools: tools.iter().map(|(name, over)| ((*name).to_owned(), (*over).clone())).collect(),
        ..Settings::new(name, reach)
    };
    let script = |name: &str| package(name).display().to_string();
    let url = format!("http://127.0.0.1:{}/mcp", every.1);
    let web = Reach::Url { url, headers: BTreeMap::new() };
    let own = command(&["python3", "-u", "-c", SCRIPTED, &shown]);
    vec![
        of("files", command(&["node", &script("filesystem"), &shown]), &[("write_file", &writes)]),
        of("every", command(&["node", &script("everything")]), &[("echo", &reads)]),
        of("web", web, &[("echo", &reads)]),
        of("own", own, &[("act", &reads), ("other", &reads)]),
    ]
}

async fn registry(servers: Vec<Settings>) -> Registry {
    let around = Surroundings::new(Arc::new(SystemClock), Arc::new(NoSecrets), Pins::in_memory());
    let mut registry = Registry::new(Resources::new(), Arc::new(SystemClock));
    for settings in servers {
        for tool in Server::new(settings, around.clone()).open().await.unwrap().tools {
            registry.add(tool).unwrap();
        }
    }
    registry
}

fn runtime(tools: Registry) -> Runtime {
    let mut flows = Flows::default();
    flows.add(Filing::program());
    let script = Script::parse("clerk.yaml", SCRIPT).unwrap();
    let models = ModelCatalog::new(Arc::new(Prices::bundled()))
        .with_provider(Arc::new(Scripted::new().with_script(script)));
    let schema = tools.schema();
    let tools: Arc<dyn ToolCatalog> = Arc::new(tools);
    let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(SystemClock));
    Runtime::new(store, clock, Arc::new(OsEntropy), flows, models, (tools, schema))
}

/// Returns what became of each call of a tool: its word, and its code if it failed.
fn outcomes(entries: impl Iterator<Item = Entry>) -> Vec<String> {
    let settled = entries.filter_map(|entry| {
        let Entry::EffectSettled(settled) = entry else { return None };
        let (name, kind) = (&settled.head.name, settled.head.kind);
        (kind == EffectKind::Tool).then(|| match &settled.outcome {
            EffectOutcome::Completed(_) => format!("{name} found"),
            EffectOutcome::Failed(failure) => format!("{name} {}", failure.code),
            EffectOutcome::Denied(failure) => format!("{name} denied {}", failure.code),
            EffectOutcome::InDoubt(failure) => format!("{name} in doubt {}", failure.code),
        })
    });
    settled.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_told_of_every_trouble_of_its_servers_as_what_it_is() {
    let folder = std::env::temp_dir().join(format!("mainstay-mcp-agent-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let folder = folder.canonicalize().unwrap();
    let offered = json!([tool("act", "Acts."), tool("other", "Reads.")]);
    fs::write(folder.join("tools.json"), offered.to_string()).unwrap();
    let every = Everything::start();
    let runtime = Arc::new(runtime(registry(servers(&folder, &every)).await));
    runtime.store.migrate(()).await.unwrap();
    let wish = StartRun::new("filing", json!({"folder": folder.display().to_string()}));
    let run_id = runtime.start(wish).await.unwrap().run_id;
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = tokio::spawn(Worker::new(Arc::clone(&runtime), "test").run(stop.clone()));
    let ended = async {
        while !runtime.row(run_id).await.unwrap().status.is_terminal() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(240), ended).await;
    stop.cancel();
    worker.await.unwrap().unwrap();
    let view = runtime.view(run_id).await.unwrap();
    let became = outcomes(view.rows.iter().map(|(_, entry)| entry.clone()));
    assert!(in_time.is_ok(), "it did not end: {became:#?}");
    assert_eq!(view.row.status, RunStatus::Completed, "{became:#?}");
    let expected = [
        "files.write_file found",
        "files.read_text_file found",
        "every.echo found",
        "web.echo found",
        "own.act MS-5006",
        "own.act MS-5004",
        "own.act found",
        "own.act MS-5034",
        "own.act found",
        "own.other MS-5030",
    ];
    assert_eq!(became, expected);
    assert_eq!(fs::read_to_string(folder.join("note.txt")).unwrap(), "twelve boxes");
}
