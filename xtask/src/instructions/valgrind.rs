//! Valgrind: where it is, how it gets there when it is not, and a program run under it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::shell;

const INSTALL: &str = "install valgrind (Debian: `apt-get install valgrind`, Fedora: `dnf install \
     valgrind`); it counts instructions";

/// Makes sure that it is installed, installing it where we may.
pub(super) fn find_or_install() -> Result<()> {
    if answers("valgrind") {
        return Ok(());
    }
    if !is_root() || !answers("apt-get") {
        bail!("no valgrind on this machine: {INSTALL}");
    }
    for arguments in [["update", "-q"].as_slice(), ["install", "-y", "-q", "valgrind"].as_slice()] {
        let mut apt = shell::command("apt-get");
        apt.args(["-o", "DPkg::Lock::Timeout=300"]).args(arguments);
        // Standard output ends with the figure.
        apt.env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        let output = apt.output().context("running apt-get")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`apt-get` failed: {}\n{INSTALL}", said.trim());
    }
    ensure!(answers("valgrind"), "the valgrind package brought none: {INSTALL}");
    Ok(())
}

fn answers(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    shell::capture("id", &["-u"]).is_ok_and(|id| id.trim() == "0")
}

/// Runs a program under callgrind, and returns what it printed.
pub(super) fn run(program: &Path, words: &[&str], profile: &Path) -> Result<String> {
    let output = shell::command("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .context("starting valgrind")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{} {}` ended with {}: {said}", program.display(), words.join(" "), output.status);
    }
    String::from_utf8(output.stdout).context("it did not print text")
}
