//! Running the example program in a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

/// A folder with nothing in it but what the program makes; gone when the test is over.
pub(crate) struct Place(PathBuf);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("mainstay-face-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Returns a command of the program, without anything of this process's environment that it
    /// would read.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&example("parcels"), arguments)
    }

    /// Returns a command of another program.
    pub(crate) fn command_of(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("USER", "ann");
        for name in ["DATABASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "OLLAMA_HOST"] {
            command.env_remove(name);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command with `--json` and returns its document.
    pub(crate) fn json(&self, exit: i32, arguments: &[&str]) -> Value {
        let ended = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(ended.exit, exit, "{arguments:?}: {ended:?}");
        serde_json::from_str(&ended.out).unwrap()
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code and what the error says.
    pub(crate) fn refused(&self, exit: i32, code: &str, says: &str) {
        assert_eq!(self.exit, exit, "{self:?}");
        assert!(self.err.contains(&format!("error[{code}]")), "{self:?}");
        assert!(self.err.contains(says), "{self:?}");
        assert!(self.err.contains("next: "), "{self:?}");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind lies in a folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Looks until it is so; each look starts a process or a connection, which is pause enough.
pub(crate) fn until(is_so: impl Fn() -> bool) {
    assert!((0..2_000).any(|_| is_so()), "it never came");
}

/// Returns an example program.
pub(crate) fn example(name: &'static str) -> PathBuf {
    mainstay_testing::example::built("mainstay", name)
}
