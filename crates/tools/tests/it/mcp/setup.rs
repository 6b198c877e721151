//! Servers to talk to, and a catalogue of their tools.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use mainstay_core::{
    port::Clock,
    tool::{ToolCatalog, ToolFailure, ToolSpec},
};
use mainstay_tools::{
    Registry, Resources,
    transport::mcp::{Given, Opened, Pins, Reach, Server, Settings, Surroundings, Trust},
};
use serde_json::Value;

use crate::{
    packages::{npm, pip},
    place::{around, call_within},
};

/// The servers of the protocol's own authors, in TypeScript.
const SERVERS: [&str; 3] = [
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
    "@modelcontextprotocol/server-memory@2026.8.31",
];

pub(crate) fn node(server: &str, arguments: &[&str]) -> Reach {
    let script = npm("mcp", &SERVERS)
        .join(format!("node_modules/@modelcontextprotocol/server-{server}/dist/index.js"));
    let mut argv = vec!["node".to_owned(), script.display().to_string()];
    argv.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    command(argv)
}

/// A server in Python, with the packages of the newer generation.
pub(crate) fn python(source: &str) -> Reach {
    let packages = pip("mcp", &["mcp==2.3.0"]);
    let argv = ["python3", "-c", source].map(str::to_owned).to_vec();
    let Reach::Command { argv, mut env } = command(argv) else { unreachable!() };
    let path = packages.canonicalize().unwrap().display().to_string();
    env.insert("PYTHONPATH".to_owned(), Given::Text(path));
    Reach::Command { argv, env }
}

pub(crate) fn command(argv: Vec<String>) -> Reach {
    let usual = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, env(name)?)));
    let env: BTreeMap<_, _> =
        usual.map(|(name, value)| (name.to_owned(), Given::Text(value))).collect();
    Reach::Command { argv, env }
}

/// A server behind an address.
pub(crate) fn at(url: &str) -> Reach {
    Reach::Url { url: url.to_owned(), headers: BTreeMap::new() }
}

#[expect(clippy::disallowed_methods, reason = "a test stands where the configuration does")]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A server's tools in a catalogue of their own.
pub(crate) struct Shelf {
    pub(crate) registry: Registry,
    pub(crate) around: Surroundings,
    pub(crate) server: Arc<Server>,
    pub(crate) left_out: Vec<String>,
    pub(crate) changes: Vec<String>,
    pub(crate) unreachable: Option<String>,
}

impl Shelf {
    pub(crate) async fn open(settings: Settings) -> Self {
        Self::open_with(settings, around(Pins::in_memory())).await
    }

    pub(crate) async fn open_with(settings: Settings, around: Surroundings) -> Self {
        let opened = Server::new(settings, around.clone()).open().await.unwrap();
        Self::of(opened, around)
    }

    pub(crate) fn of(opened: Opened, around: Surroundings) -> Self {
        let clock = Arc::clone(&around.clock);
        let mut registry = Registry::new(Resources::new(), clock);
        for tool in opened.tools {
            registry.add(tool).unwrap();
        }
        let change = |change: &mainstay_tools::transport::mcp::Change| {
            format!("{} {}", change.tool, change.word())
        };
        Self {
            registry,
            around,
            server: opened.server,
            left_out: opened.left_out.iter().map(ToString::to_string).collect(),
            changes: opened.changes.iter().map(change).collect(),
            unreachable: opened.unreachable,
        }
    }

    pub(crate) fn spec(&self, tool: &str) -> ToolSpec {
        self.registry.get(tool).unwrap().spec().clone()
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ToolFailure> {
        self.call_within(Duration::from_secs(30), tool, arguments).await
    }

    pub(crate) async fn call_within(
        &self,
        span: Duration,
        tool: &str,
        arguments: Value,
    ) -> Result<Value, ToolFailure> {
        let clock: &dyn Clock = &*self.around.clock;
        let tool = self.registry.get(tool).unwrap();
        tool.call(call_within(clock, span, arguments)).await
    }
}

pub(crate) fn trusted(name: &str, reach: Reach) -> Settings {
    Settings { trust: Trust::Trusted, ..Settings::new(name, reach) }
}

/// A folder of one test's own.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("mainstay-mcp-{name}-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&path));
    std::fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}

/// A server that listens on this machine; it is ended with the value.
pub(crate) struct Listening {
    child: std::process::Child,
    port: u16,
}

impl Listening {
    /// The protocol's own demonstration server.
    pub(crate) fn everything() -> Self {
        Self::start(node("everything", &["streamableHttp"]), |argv, port| {
            let mut command = std::process::Command::new(&argv[0]);
            command.args(&argv[1..]).env("PORT", port.to_string());
            command
        })
    }

    /// A server in Python that takes its port as an argument.
    pub(crate) fn python(source: &str) -> Self {
        Self::start(python(source), |argv, port| {
            let mut command = std::process::Command::new(&argv[0]);
            let path = pip("mcp", &["mcp==2.3.0"]).canonicalize().unwrap();
            command.args(&argv[1..]).arg(port.to_string()).env("PYTHONPATH", path);
            command
        })
    }

    fn start(reach: Reach, prepare: impl Fn(&[String], u16) -> std::process::Command) -> Self {
        let Reach::Command { argv, .. } = reach else { unreachable!() };
        // Nobody else gets the port in the meantime, or the server says so and the test fails.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut command = prepare(&argv, port);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let errors = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut lines = std::io::BufRead::lines(errors);
        let listens = lines.any(|line| line.unwrap().contains(&port.to_string()));
        assert!(listens, "the server did not say that it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    pub(crate) fn reach(&self) -> Reach {
        at(&format!("http://127.0.0.1:{}/mcp", self.port))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
