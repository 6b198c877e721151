//! The company's directory, as a small service of its own: a file that is only added to. It knows a
//! repeat by its key, for ever, and does nothing a second time.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// The key it was asked for by.
    pub key: String,
    /// What it is.
    pub what: String,
    /// To whom, and how.
    pub details: Value,
    /// Its number, from 1.
    pub number: usize,
}

/// The directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Directory {
    /// Opens the directory that is kept in a file.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), writing: Mutex::new(()) }
    }

    /// Does something once for each key, and returns what was done then.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn once(&self, key: String, what: &str, details: Value) -> io::Result<Deed> {
        let _held = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let deeds = self.deeds()?;
        if let Some(done) = deeds.iter().find(|deed| deed.key == key) {
            return Ok(done.clone());
        }
        let deed = Deed { key, what: what.to_owned(), details, number: deeds.len() + 1 };
        self.add(&deed)?;
        Ok(deed)
    }

    /// Returns everything that was done, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn deeds(&self) -> io::Result<Vec<Deed>> {
        match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            text => text?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect(),
        }
    }

    fn add(&self, deed: &Deed) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        file.write_all(format!("{}\n", serde_json::to_string(deed)?).as_bytes())?;
        file.sync_all()
    }
}
