//! `mainstay version`.

use serde::Serialize;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(Serialize)]
struct Version {
    version: &'static str,
    rustc: &'static str,
    stores: [&'static str; 2],
    flows: Vec<String>,
}

pub(crate) fn run(shell: &Shell) -> Result<Exit, CliError> {
    let version = env!("CARGO_PKG_VERSION");
    let rustc = env!("CARGO_PKG_RUST_VERSION");
    let stores = ["sqlite", "postgres"];
    if shell.output.is_for_people() {
        shell
            .output
            .line(format!("mainstay {version} (rust {rustc} or later; {})", stores.join(", ")))?;
        return Ok(Exit::Ok);
    }
    let flows = shell.app.flows.iter().map(|flow| flow.version.to_string()).collect();
    shell.output.document(&Version { version, rustc, stores, flows })?;
    Ok(Exit::Ok)
}
