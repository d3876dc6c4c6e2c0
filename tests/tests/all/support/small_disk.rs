//! A disk of its own for a hub's state: small enough to be filled, and it can be made read-only. A tmpfs, which only
//! root may mount; elsewhere whoever needs one says that it was left out, except in CI.

use std::{
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{say, setting};

/// Mounted until it is dropped.
#[derive(Debug)]
pub(crate) struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where none can be had, which is said.
    pub(crate) fn new(bytes: u64) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(folder.path())
            .output();
        let why = match mounted {
            Ok(output) if output.status.success() => return Some(Self(folder)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(setting("CI").as_deref() != Some("true"), "no small disk: {why}");
        say(&format!("skipped, because a small disk needs the right to mount one: {why}"));
        None
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// To the last byte.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::File::options().append(true).create(true).open(self.ballast()).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![b'x'; size];
            let full = loop {
                if let Err(error) = ballast.write_all(&block) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    pub(crate) fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()).status().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a hub that a failing test leaves behind may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
