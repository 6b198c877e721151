//! Packages that tests need and the product does not: installed once, into `target/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

/// Tests of one process install one after the other; a lock file keeps processes apart.
static TURN: Mutex<()> = Mutex::new(());

/// Returns the folder of packages from npm, by version.
pub(crate) fn npm(name: &str, packages: &[&str]) -> PathBuf {
    installed("npm", name, packages, |folder| {
        let mut command = Command::new("npm");
        command.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]);
        command.arg(folder).args(packages);
        command
    })
}

/// Returns the folder of packages from PyPI, by version.
pub(crate) fn pip(name: &str, packages: &[&str]) -> PathBuf {
    installed("py", name, packages, |folder| {
        let mut command = Command::new("python3");
        command.args(["-m", "pip", "install", "--quiet", "--root-user-action=ignore", "--target"]);
        command.arg(folder).args(packages);
        command
    })
}

fn installed(
    kind: &str,
    name: &str,
    packages: &[&str],
    install: impl FnOnce(&Path) -> Command,
) -> PathBuf {
    let _turn = TURN.lock();
    let root = target().join(kind);
    fs::create_dir_all(&root).unwrap();
    let lock = fs::File::create(root.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let folder = root.join(name);
    let done = folder.join("installed");
    let wanted = packages.join("\n");
    if fs::read_to_string(&done).is_ok_and(|had| had == wanted) {
        return folder;
    }
    fs::create_dir_all(&folder).unwrap();
    let output = install(&folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{packages:?} cannot be installed: {errors}");
    fs::write(done, wanted).unwrap();
    folder
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}
