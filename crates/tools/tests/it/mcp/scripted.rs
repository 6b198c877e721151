//! A server that does as its tool's arguments say: over its standard streams, and over HTTP.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use mainstay_tools::transport::mcp::Reach;
use serde_json::Value;

use super::setup::{at, command};

const SOURCE: &str = include_str!("scripted.py");

pub(crate) fn scripted(folder: &Path) -> Reach {
    command(
        ["python3", "-u", "-c", SOURCE, &folder.display().to_string()].map(str::to_owned).to_vec(),
    )
}

/// The same server over HTTP; it is ended with the value.
pub(crate) struct Web {
    child: Child,
    pub(crate) port: u16,
}

impl Web {
    pub(crate) fn start(folder: &Path, port: u16) -> Self {
        let (folder, port) = (folder.display().to_string(), port.to_string());
        let mut child = std::process::Command::new("python3")
            .args(["-u", "-c", SOURCE, &folder, "http", &port])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }

    pub(crate) fn reach(&self) -> Reach {
        at(&format!("http://127.0.0.1:{}/mcp", self.port))
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns what the server heard with this method, in order.
pub(crate) fn heard(folder: &Path, method: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("heard")).unwrap_or_default();
    let messages = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    messages.filter(|message| message["method"] == method).collect()
}

/// Says what the server offers from its next list on.
pub(crate) fn offer(folder: &Path, tools: &Value) {
    std::fs::write(folder.join("tools.json"), tools.to_string()).unwrap();
}
