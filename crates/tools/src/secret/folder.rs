//! Secrets as files: one in a folder, as container orchestrators mount them.

use std::{io::Read, os::unix::fs::PermissionsExt, path::PathBuf};

use async_trait::async_trait;
use mainstay_core::secret::{Secret, SecretRef, Secrets};

/// The most bytes of a secret.
const LONGEST: u64 = 16 << 10;

/// A folder where the file `crm` holds the value of `secret:crm`. One line break at its end does
/// not count.
#[derive(Debug, Clone)]
pub struct FolderSecrets {
    folder: PathBuf,
}

impl FolderSecrets {
    /// Looks into this folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn read(&self, reference: &SecretRef) -> Result<Secret, String> {
        // Dots alone name the folder itself, or the one above it.
        if reference.name().bytes().all(|byte| byte == b'.') {
            return Err(format!("`{reference}` names no file"));
        }
        let path = self.folder.join(reference.name());
        let missing =
            |why: String| format!("`{reference}` has no value: {}: {why}", path.display());
        // Opened before it is looked at, so that what is looked at is what is read.
        let file = std::fs::File::open(&path).map_err(|error| missing(error.to_string()))?;
        let about = file.metadata().map_err(|error| missing(error.to_string()))?;
        if !about.is_file() {
            return Err(missing("it is not a file".to_owned()));
        }
        if about.permissions().mode() & 0o007 != 0 {
            return Err(missing("everybody on this machine may use it: chmod o-rwx".to_owned()));
        }
        let mut text = String::new();
        let read = file.take(LONGEST + 1).read_to_string(&mut text);
        // The error of a file that is no text could quote it.
        read.map_err(|error| missing(error.kind().to_string()))?;
        if text.len() as u64 > LONGEST {
            return Err(missing(format!("it is larger than {LONGEST} bytes")));
        }
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            Err(missing("it is empty".to_owned()))
        } else {
            Ok(Secret::new(value))
        }
    }
}

#[async_trait]
impl Secrets for FolderSecrets {
    async fn resolve(&self, reference: &SecretRef) -> Result<Secret, String> {
        let (own, reference) = (self.clone(), reference.clone());
        let read = tokio::task::spawn_blocking(move || own.read(&reference)).await;
        read.unwrap_or_else(|error| Err(format!("reading a secret: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    struct Folder(PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn folder(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("mainstay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn write(folder: &Folder, name: &str, text: &[u8], mode: u32) {
        let path = folder.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    async fn resolve(folder: &Folder, name: &str) -> Result<String, String> {
        let reference = format!("secret:{name}").try_into().unwrap();
        let found = FolderSecrets::new(&folder.0).resolve(&reference).await;
        found.map(|secret| secret.expose().to_owned())
    }

    #[tokio::test]
    async fn a_file_is_a_secret_without_the_line_break_at_its_end() {
        let folder = folder("secrets-read");
        write(&folder, "crm", b"value\n", 0o600);
        write(&folder, "two.lines", b"a\nb\r\n", 0o640);
        assert_eq!(resolve(&folder, "crm").await.unwrap(), "value");
        assert_eq!(resolve(&folder, "two.lines").await.unwrap(), "a\nb");
        write(&folder, "crm", b"another", 0o400);
        assert_eq!(resolve(&folder, "crm").await.unwrap(), "another", "it is read each time");
    }

    #[tokio::test]
    async fn a_file_that_everybody_may_use_is_refused() {
        let folder = folder("secrets-open");
        for mode in [0o604, 0o602, 0o644, 0o777] {
            write(&folder, "crm", b"the-value", mode);
            let error = resolve(&folder, "crm").await.unwrap_err();
            assert!(error.contains("chmod o-rwx") && !error.contains("the-value"), "{error}");
        }
    }

    #[tokio::test]
    async fn what_is_no_secret_is_refused_without_quoting_it() {
        let folder = folder("secrets-wrong");
        write(&folder, "empty", b"\n", 0o600);
        write(&folder, "bytes", b"value\xff\xfe", 0o600);
        write(&folder, "large", &[b'x'; 20_000], 0o600);
        for name in ["empty", "bytes", "large", "absent", ".", ".."] {
            let error = resolve(&folder, name).await.unwrap_err();
            assert!(error.contains(&format!("secret:{name}")), "{error}");
            assert!(!error.contains("value\u{fffd}"), "{error}");
        }
    }
}
