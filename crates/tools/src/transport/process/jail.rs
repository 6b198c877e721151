//! The walls around a command, put up by the process that becomes it.
//!
//! Four kinds, each of which holds where another has a gap: limits of resources, Landlock for files
//! and the network, seccomp for the calls that lead around those, and no new privileges for good. The
//! order is theirs: what seccomp refuses is needed to put up the rest.

mod calls;

use std::{
    fmt, io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// The hidden verb: `PROGRAM __sandbox ORDER`.
pub const VERB: &str = "__sandbox";

/// How a sandbox ends that could not be put up; the command was not started.
pub(super) const NOT_STARTED: u8 = 125;

/// The newest walls that are asked for; older kernels put up what they know.
const NEWEST: ABI = ABI::V6;

/// The oldest walls that count as a sandbox: files, with cutting and moving them.
const OLDEST: ABI = ABI::V3;

/// What a command may use up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Seconds of processor time.
    pub cpu_s: u64,
    /// Bytes of memory that it may map.
    pub memory: u64,
    /// Bytes of one file that it may write.
    pub file: u64,
    /// Files that it may have open.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu_s: 10, memory: 512 << 20, file: 64 << 20, open_files: 64 }
    }
}

/// What a command may read and write beside its own folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paths {
    /// It may read, and run what lies there.
    pub read: Vec<PathBuf>,
    /// It may write there too.
    pub write: Vec<PathBuf>,
}

/// Programs and their libraries.
impl Default for Paths {
    fn default() -> Self {
        let read = ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives"];
        Self { read: read.map(PathBuf::from).into(), write: Vec::new() }
    }
}

/// What the sandbox is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The command line, the program first.
    pub argv: Vec<String>,
    /// The command's own folder.
    pub folder: PathBuf,
    /// What else it may read and write.
    pub paths: Paths,
    /// What it may use up.
    pub limits: Limits,
    /// Whether it may open sockets.
    pub network: bool,
    /// Whether it may start other processes.
    pub forks: bool,
    /// Whether it runs without the walls that cannot be put up here.
    pub lenient: bool,
}

/// Walls that cannot be put up on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing(Vec<&'static str>);

impl Missing {
    /// Finds out what is missing here. Nothing is restricted by that.
    #[must_use]
    pub fn here() -> Self {
        let mut missing = Vec::new();
        let files = Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(OLDEST))
            .and_then(Ruleset::create);
        if files.is_err() {
            missing.push("Landlock");
        }
        if !calls::are_known() {
            missing.push("seccomp");
        }
        Self(missing)
    }

    /// Returns whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this machine has no {}", self.0.join(" and no "))
    }
}

/// Puts up the walls and becomes the command: what the hidden verb does. Returns only if that failed.
#[must_use]
pub fn enter(order: &str) -> ExitCode {
    let entered =
        serde_json::from_str(order).map_err(|error| error.to_string()).and_then(become_it);
    let why = match entered {
        Ok(never) => never,
        Err(why) => why,
    };
    // Nobody reads more than this of a sandbox that failed.
    let _ = io::Write::write_all(&mut io::stderr(), format!("sandbox: {why}\n").as_bytes());
    ExitCode::from(NOT_STARTED)
}

fn become_it(order: Order) -> Result<String, String> {
    let (program, arguments) = order.argv.split_first().ok_or("no program")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir(&order.folder);
    command.env("PATH", "/usr/bin:/bin").env("HOME", &order.folder).env("TMPDIR", &order.folder);
    // Whatever whoever started us left open: closed when the command begins.
    close_fds::set_fds_cloexec(3, &[]);
    let walls = [files(&order), calls::refuse(&order)];
    if !order.lenient {
        walls.into_iter().collect::<Result<(), String>>()?;
    }
    // Last: this program may have mapped more than the command may.
    restrict(&order.limits)?;
    Ok(format!("`{program}` cannot be run: {}", command.exec()))
}

fn restrict(limits: &Limits) -> Result<(), String> {
    let most = [
        (Resource::Core, 0),
        (Resource::Cpu, limits.cpu_s),
        (Resource::As, limits.memory),
        (Resource::Fsize, limits.file),
        (Resource::Nofile, limits.open_files),
    ];
    most.into_iter().try_for_each(|(resource, most)| {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| format!("{resource:?}: {error}"))
    })
}

fn files(order: &Order) -> Result<(), String> {
    let read = AccessFs::from_read(NEWEST);
    let all = AccessFs::from_all(NEWEST);
    let devices = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"];
    let put_up = || {
        let mut walls = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(all)?
            .scope(Scope::from_all(NEWEST))?;
        if !order.network {
            walls = walls.handle_access(AccessNet::from_all(NEWEST))?;
        }
        walls
            .create()?
            .add_rules(path_beneath_rules(&order.paths.read, read))?
            .add_rules(path_beneath_rules(devices, AccessFs::ReadFile | AccessFs::WriteFile))?
            .add_rules(path_beneath_rules(&order.paths.write, all))?
            .add_rules(path_beneath_rules([&order.folder], all))?
            .restrict_self()
    };
    match put_up() {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err("Landlock is not enforced".to_owned()),
        Err(error) => Err(format!("Landlock: {error}")),
    }
}
