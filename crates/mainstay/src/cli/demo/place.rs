//! Where a demo takes place: a database of its own that is made anew each time, unless one is named.

use std::{
    fs::{self, File, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use mainstay_core::code::Code;

use crate::{cli::error::CliError, database::DatabaseUrl};

const FOLDER: &str = ".mainstay";
/// The demo's file; what else begins with this name belongs to it.
const NAME: &str = "demo";

/// The database, and the folder for what the workers say.
pub(super) struct Place {
    pub(super) database: DatabaseUrl,
    pub(super) logs: PathBuf,
    /// Held while the demo runs, so that a second one does not take its file away.
    _lock: Option<File>,
}

impl Place {
    pub(super) fn open(named: Option<Result<DatabaseUrl, CliError>>) -> Result<Self, CliError> {
        let folder = Path::new(FOLDER);
        let logs = folder.join("demo-logs");
        fs::create_dir_all(&logs).map_err(|error| unusable(&logs, &error))?;
        if let Some(database) = named {
            return Ok(Self { database: database?, logs, _lock: None });
        }
        let lock = lock(&folder.join("demo.lock"))?;
        let file = folder.join(format!("{NAME}.db"));
        sweep(&file)?;
        let database = DatabaseUrl::read(&format!("sqlite://{}", file.display()))?;
        Ok(Self { database, logs, _lock: Some(lock) })
    }
}

fn lock(path: &Path) -> Result<File, CliError> {
    let open = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = open.map_err(|error| unusable(path, &error))?;
    file.try_lock().map_err(|_| {
        CliError::new(Code::StoreLocked, "another demo is running in this folder")
            .with_hint("wait until it ends, or run this one in another folder")
    })?;
    Ok(file)
}

/// Takes away what the last demo left: the file, its journal, its workers' lock files.
fn sweep(file: &Path) -> Result<(), CliError> {
    for ending in ["db", "db-wal", "db-shm", "db-hint"] {
        let path = file.with_extension(ending);
        gone(fs::remove_file(&path)).map_err(|error| unusable(&path, &error))?;
    }
    let workers = file.with_extension("workers");
    gone(fs::remove_dir_all(&workers)).map_err(|error| unusable(&workers, &error))
}

fn gone(removed: Result<(), std::io::Error>) -> Result<(), std::io::Error> {
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Code::StoreUnreachable, format!("{}: {error}", path.display()))
        .with_hint("run the demo in a folder that can be written to")
}
