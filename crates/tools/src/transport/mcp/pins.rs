//! The pin file: the definitions that were approved, by server and tool.
//!
//! It is data of the project, like a lock file of packages: it belongs beside the configuration and
//! under version control, and a difference in it is read before it is merged.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use mainstay_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::definition::Definition;

/// The form of the file.
const VERSION: u32 = 1;

/// A definition that was approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The hash of the definition.
    pub hash: String,
    /// When it was first seen, or approved after a change.
    pub first_seen: String,
    /// What was approved: models see it while the server is away, and a difference is shown by it.
    pub definition: Definition,
}

impl Pin {
    fn new(definition: Definition, now: Timestamp) -> Self {
        let first_seen = jiff::Timestamp::from_microsecond(now.micros()).unwrap_or_default();
        Self { hash: definition.hash().to_string(), first_seen: first_seen.to_string(), definition }
    }
}

/// A server's pins by its tools' names.
pub(super) type ServerPins = BTreeMap<String, Pin>;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinFile {
    version: u32,
    servers: BTreeMap<String, ServerPins>,
}

impl Default for PinFile {
    fn default() -> Self {
        Self { version: VERSION, servers: BTreeMap::new() }
    }
}

/// The pinned definitions of all servers, in a file or in this process alone.
#[derive(Debug, Default)]
pub struct Pins {
    path: Option<PathBuf>,
    kept: Mutex<PinFile>,
}

/// Why pins cannot be read or written.
#[derive(Debug)]
pub struct PinsError {
    path: PathBuf,
    because: String,
}

impl fmt::Display for PinsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pin file {}: {}", self.path.display(), self.because)
    }
}

impl std::error::Error for PinsError {}

impl Pins {
    /// Keeps pins in this process: a change is noticed while it runs, and forgotten with it.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// Reads a pin file; one that is not there is written with the first pin.
    ///
    /// # Errors
    /// It cannot be read. It is never taken for empty then: that would approve everything.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, PinsError> {
        let path = path.into();
        let kept = Mutex::new(read(&path)?);
        Ok(Self { path: Some(path), kept })
    }

    /// Returns a server's pins, or `None` if nobody has seen it yet.
    #[must_use]
    pub fn of(&self, server: &str) -> Option<BTreeMap<String, Pin>> {
        self.kept().servers.get(server).cloned()
    }

    /// Pins what a server offers when it is seen for the first time. If another process was first,
    /// its pins stand.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn first(
        &self,
        server: &str,
        definitions: impl IntoIterator<Item = Definition>,
        now: Timestamp,
    ) -> Result<ServerPins, PinsError> {
        self.change(|file| {
            let pins = file.servers.entry(server.to_owned()).or_insert_with(|| {
                let pin =
                    |definition: Definition| (definition.name.clone(), Pin::new(definition, now));
                definitions.into_iter().map(pin).collect()
            });
            pins.clone()
        })
    }

    /// Pins a tool anew, or forgets one that its server no longer offers.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn approve(
        &self,
        server: &str,
        tool: &str,
        now_is: Option<Definition>,
        now: Timestamp,
    ) -> Result<(), PinsError> {
        self.change(|file| {
            let pins = file.servers.entry(server.to_owned()).or_default();
            match now_is {
                Some(definition) => drop(pins.insert(tool.to_owned(), Pin::new(definition, now))),
                None => drop(pins.remove(tool)),
            }
        })
    }

    /// Changes what is on disk, not what was read once: other processes pin, too.
    fn change<T>(&self, change: impl FnOnce(&mut PinFile) -> T) -> Result<T, PinsError> {
        let mut kept = self.kept();
        if let Some(path) = &self.path {
            *kept = read(path)?;
        }
        let changed = change(&mut kept);
        if let Some(path) = &self.path {
            write(path, &kept)?;
        }
        Ok(changed)
    }

    fn kept(&self) -> MutexGuard<'_, PinFile> {
        // Whoever panicked had not begun to change the file's contents halfway.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Result<PinFile, PinsError> {
    let wrong = |because: String| PinsError { path: path.to_owned(), because };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(PinFile::default()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let file: PinFile = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if file.version != VERSION {
        return Err(wrong(format!(
            "its form is {}, and this program reads {VERSION}",
            file.version
        )));
    }
    let pins = file.servers.values().flatten();
    let mut tampered = pins.filter(|(_, pin)| pin.definition.hash().to_string() != pin.hash);
    match tampered.next() {
        Some((tool, _)) => {
            Err(wrong(format!("the hash of `{tool}` is not that of its definition")))
        }
        None => Ok(file),
    }
}

/// Writes beside the file and renames: a crash leaves the old one or the new one.
fn write(path: &Path, file: &PinFile) -> Result<(), PinsError> {
    let wrong = |error: std::io::Error| PinsError {
        path: path.to_owned(),
        because: format!("cannot be written: {error}"),
    };
    let mut text = serde_json::to_string_pretty(file).map_err(|error| wrong(error.into()))?;
    text.push('\n');
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::File::create(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(wrong)
}
