//! Worker processes: hired, killed, frozen, asked to go.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::{Fault, ledger::Line};

/// How workers are hired.
#[derive(Debug, Clone)]
pub struct Agency {
    program: PathBuf,
    database: String,
    ledger: Line,
    concurrency: usize,
    environment: Vec<(String, String)>,
    logs: Option<PathBuf>,
}

impl Agency {
    /// Hires processes of this program for this database.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, database: &str, ledger: Line) -> Self {
        Self {
            program: program.into(),
            database: database.to_owned(),
            ledger,
            concurrency: 16,
            environment: Vec::new(),
            logs: None,
        }
    }

    /// Sets how many runs each drives at the same time; 16 unless told.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets a variable of their environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Keeps what they say, a file each in this folder.
    #[must_use]
    pub fn with_logs(mut self, folder: Option<PathBuf>) -> Self {
        self.logs = folder;
        self
    }

    /// Sends them to another database address and another way to the ledger.
    #[must_use]
    pub fn over(mut self, database: &str, ledger: Line) -> Self {
        self.database = database.to_owned();
        self.ledger = ledger;
        self
    }

    /// Starts a worker process.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn hire(&self, name: &str) -> Result<Worker, Fault> {
        self.hire_by(name, Path::new(&self.program), &[])
    }

    /// Starts a worker through another program that becomes it, such as `ip netns exec`.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn hire_through(&self, name: &str, words: &[&str]) -> Result<Worker, Fault> {
        let (first, rest) = words.split_first().ok_or("a program has a name")?;
        let mut before: Vec<OsString> = rest.iter().map(OsString::from).collect();
        before.push(self.program.clone().into());
        self.hire_by(name, Path::new(first), &before)
    }

    fn hire_by(&self, name: &str, program: &Path, before: &[OsString]) -> Result<Worker, Fault> {
        let stderr = match &self.logs {
            Some(folder) => Stdio::from(File::create(folder.join(format!("{name}.log")))?),
            None => Stdio::null(),
        };
        let child = Command::new(program)
            .args(before)
            .args(["worker", "--name", name, "--concurrency"])
            .arg(self.concurrency.to_string())
            .env("DATABASE_URL", &self.database)
            .env("DRILL_LEDGER", self.ledger.to_string())
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().ok_or("the worker ended at once")?;
        Ok(Worker { id, name: name.to_owned(), child })
    }
}

/// One worker process; it is killed when this is dropped.
#[derive(Debug)]
pub struct Worker {
    /// Its process.
    pub id: u32,
    /// What it is known by.
    pub name: String,
    child: Child,
}

impl Worker {
    /// Kills it with SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    /// It is not there any more.
    pub async fn kill(&mut self) -> Result<(), Fault> {
        Ok(self.child.kill().await?)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It is not there any more.
    pub fn signal(&self, signal: Signal) -> Result<(), Fault> {
        let id = i32::try_from(self.id)?;
        let process = Pid::from_raw(id).ok_or("a process has a number")?;
        Ok(kill_process(process, signal)?)
    }

    /// Returns the memory that it has.
    ///
    /// # Errors
    /// The system does not say.
    pub fn memory(&self) -> Result<Memory, Fault> {
        Memory::of(&self.id.to_string())
    }

    /// Waits until it is gone, and returns whether it ended well.
    ///
    /// # Errors
    /// The system does not say.
    pub async fn gone(&mut self) -> Result<bool, Fault> {
        Ok(self.child.wait().await?.success())
    }

    /// Returns whether it has ended by itself.
    ///
    /// # Errors
    /// The system does not say.
    pub fn is_gone(&mut self) -> Result<bool, Fault> {
        Ok(self.child.try_wait()?.is_some())
    }
}

/// A process's memory, as the kernel counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What is resident now.
    pub resident_bytes: u64,
    /// The most that ever was.
    pub most_bytes: u64,
}

impl Memory {
    /// Returns the memory of this process.
    ///
    /// # Errors
    /// The system does not say.
    pub fn own() -> Result<Self, Fault> {
        Self::of("self")
    }

    fn of(process: &str) -> Result<Self, Fault> {
        Self::read(&std::fs::read_to_string(format!("/proc/{process}/status"))?)
    }

    fn read(status: &str) -> Result<Self, Fault> {
        let bytes = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next());
            Ok::<_, Fault>(kibibytes.ok_or("the kernel does not say")?.parse::<u64>()? * 1_024)
        };
        Ok(Self { resident_bytes: bytes("VmRSS:")?, most_bytes: bytes("VmHWM:")? })
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tworker\nVmHWM:\t  14 kB\nVmRSS:\t  12 kB\n";
        let memory = Memory { resident_bytes: 12 * 1_024, most_bytes: 14 * 1_024 };
        assert_eq!(Memory::read(status).unwrap(), memory);
        Memory::read("Name:\tworker\n").unwrap_err();
    }
}
