//! Proof of a worker's death on the same host: a file that it made and holds a lock on.
//!
//! Whoever opens that file *without creating it*, finds the same device, inode and token, and gets
//! the lock, knows that the holder is gone: the kernel frees the lock with the process. A missing
//! or different file proves nothing, and neither does a file on a network.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use mainstay_core::{id::SessionId, store::operation::DeathProof};

/// File systems on which a lock says nothing about a process of this host: NFS, SMB, CIFS, FUSE.
const REMOTE: &[i64] = &[0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x6573_5546];

/// A lock file and the lock on it.
#[derive(Debug)]
pub(super) struct Proof {
    file: File,
    proof: DeathProof,
}

impl Proof {
    /// Makes the file of a session and locks it. `None` where the directory cannot serve: then only
    /// the time lease tells.
    pub(super) fn make(dir: &Path, session: SessionId, random: [u8; 32]) -> Option<Self> {
        std::fs::create_dir_all(dir).ok()?;
        if is_remote(dir) {
            return None;
        }
        let path = dir.canonicalize().ok()?.join(format!("{session}.lock"));
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).ok()?;
        file.try_lock().ok()?;
        let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        file.write_all(token.as_bytes()).ok()?;
        file.sync_all().ok()?;
        let meta = file.metadata().ok()?;
        let proof = DeathProof {
            boot_id: boot_id()?,
            path: path.to_str()?.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
            token,
        };
        Some(Self { file, proof })
    }

    /// Returns what others need to find out whether this process is dead.
    pub(super) fn described(&self) -> DeathProof {
        self.proof.clone()
    }

    /// Returns the lock of a dead worker, or `None`: it lives, or nothing is proved.
    pub(super) fn of_death(proof: &DeathProof) -> Option<Self> {
        if boot_id()? != proof.boot_id {
            return None;
        }
        let mut file = File::open(&proof.path).ok()?;
        let meta = file.metadata().ok()?;
        if (meta.dev(), meta.ino()) != (proof.device, proof.inode) {
            return None;
        }
        file.try_lock().ok()?;
        let mut token = String::new();
        file.read_to_string(&mut token).ok()?;
        (token == proof.token).then(|| Self { file, proof: proof.clone() })
    }

    /// Removes the file: its holder has closed the session, or its prover's takeover is committed.
    pub(super) fn retire(self) {
        let _ = std::fs::remove_file(PathBuf::from(&self.proof.path));
        drop(self.file);
    }
}

fn boot_id() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned())
}

fn is_remote(dir: &Path) -> bool {
    rustix::fs::statfs(dir).is_ok_and(|fs| REMOTE.contains(&(fs.f_type)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> SessionId {
        SessionId::new(mainstay_core::time::Timestamp::from_millis(1), [3; 10])
    }

    fn made(name: &str) -> (PathBuf, Proof) {
        let dir =
            std::env::temp_dir().join(format!("mainstay-proof-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let proof = Proof::make(&dir, session(), [7; 32]).unwrap();
        (dir, proof)
    }

    #[test]
    fn a_living_worker_is_not_proved_dead() {
        let (_dir, proof) = made("living");
        assert!(Proof::of_death(&proof.described()).is_none());
    }

    #[test]
    fn a_freed_lock_with_the_same_inode_and_token_is_proof() {
        let (_dir, proof) = made("dead");
        let described = proof.described();
        drop(proof);
        assert!(Proof::of_death(&described).is_some());
    }

    #[test]
    fn a_missing_or_different_file_proves_nothing() {
        let (dir, proof) = made("missing");
        let described = proof.described();
        drop(proof);
        let other_token = DeathProof { token: "x".into(), ..described.clone() };
        assert!(Proof::of_death(&other_token).is_none());
        let other_inode = DeathProof { inode: described.inode + 1, ..described.clone() };
        assert!(Proof::of_death(&other_inode).is_none());
        std::fs::remove_dir_all(dir).unwrap();
        assert!(Proof::of_death(&described).is_none());
        assert!(!Path::new(&described.path).exists(), "looking must not create the file");
    }
}
