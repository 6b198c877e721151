//! Proof of a worker's death on the same host: a file that it made and holds a lock on.
//!
//! Whoever opens that file *without creating it*, finds the same device, inode and token, and gets
//! the lock, knows that the holder is gone: the kernel frees the lock with the process. A missing
//! or different file proves nothing, and neither does a file on a network. A lock that somebody
//! holds says that the worker lives, or that another is just now proving its death: in both cases
//! nobody else should act on a mere guess.

use std::{
    fs::{File, OpenOptions, TryLockError},
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

/// What the lock file of a worker says about it.
#[derive(Debug)]
pub(super) enum Sign {
    /// It is dead, and here is the proof.
    Dead(Proof),
    /// The file is there and its lock is held: by the worker, or by another who looks.
    Held,
    /// Nothing: it is of another host, or gone, or not the one that the worker made.
    Nothing,
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

    /// Looks at the lock of a worker, and takes it if it is free.
    pub(super) fn sign(proof: &DeathProof) -> Sign {
        Self::look(proof).unwrap_or(Sign::Nothing)
    }

    fn look(proof: &DeathProof) -> Option<Sign> {
        if boot_id()? != proof.boot_id {
            return None;
        }
        let mut file = File::open(&proof.path).ok()?;
        let meta = file.metadata().ok()?;
        if (meta.dev(), meta.ino()) != (proof.device, proof.inode) {
            return None;
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Some(Sign::Held),
            Err(TryLockError::Error(_)) => return None,
        }
        let mut token = String::new();
        file.read_to_string(&mut token).ok()?;
        (token == proof.token).then(|| Sign::Dead(Self { file, proof: proof.clone() }))
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
        assert!(matches!(Proof::sign(&proof.described()), Sign::Held));
    }

    #[test]
    fn a_freed_lock_with_the_same_inode_and_token_is_proof() {
        let (_dir, proof) = made("dead");
        let described = proof.described();
        drop(proof);
        assert!(matches!(Proof::sign(&described), Sign::Dead(_)));
    }

    #[test]
    fn of_two_who_look_at_once_one_has_the_proof_and_the_other_leaves_it_to_him() {
        let (_dir, proof) = made("two");
        let described = proof.described();
        drop(proof);
        let first = Proof::sign(&described);
        assert!(matches!(Proof::sign(&described), Sign::Held));
        assert!(matches!(first, Sign::Dead(_)));
    }

    #[test]
    fn a_missing_or_different_file_proves_nothing() {
        let (dir, proof) = made("missing");
        let described = proof.described();
        drop(proof);
        let nothing = |proof: &DeathProof| matches!(Proof::sign(proof), Sign::Nothing);
        assert!(nothing(&DeathProof { token: "x".into(), ..described.clone() }));
        assert!(nothing(&DeathProof { inode: described.inode + 1, ..described.clone() }));
        std::fs::remove_dir_all(dir).unwrap();
        assert!(nothing(&described));
        assert!(!Path::new(&described.path).exists(), "looking must not create the file");
    }
}
