//! Files that only their owner may read: journals, plans, locks.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Makes a folder and its parents, mode 0700.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a new file, mode 0600; fails where it exists.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Fails where `write_private` would, and leaves nothing behind.
pub fn can_write(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let temporary = temporary(path);
    let _ = std::fs::remove_file(&temporary);
    create_private(&temporary)?;
    std::fs::remove_file(&temporary)
}

/// What is written first, beside the file.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    name.into()
}

/// Writes a whole file, mode 0600, so that a reader sees the old or the new one and never half of it.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = &temporary(path);
    let written = (|| {
        // One that is there was left by a dead process of this id, or laid out by somebody else: neither is written into.
        let _ = std::fs::remove_file(temporary);
        let mut file = create_private(temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(temporary, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    written
}
