//! The file the store's state is kept in. A reader finds the state before a change or after it, never half of it, and
//! what was once written survives a crash of the machine: written beside, synced, renamed, and the folder synced too.
//!
//! One process at a time: the folder is locked, and the lock ends with the process, however it ends.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Serialize, de::DeserializeOwned};

const STATE: &str = "store.json";
const BESIDE: &str = "store.json.new";
const LOCK: &str = "store.lock";

#[derive(Debug)]
pub(super) struct StateFile {
    folder: PathBuf,
    lock: File,
    /// The lock is still ours.
    ours: AtomicBool,
}

impl StateFile {
    /// Makes the folder where there is none.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder).map_err(|error| about(&error, "cannot make the folder", folder))?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).map_err(|error| about(&error, "cannot make", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), lock, ours: AtomicBool::new(true) }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!(
                    "another sample store is using {}: stop it, or give this one a folder of its own",
                    folder.display()
                ),
            )),
            Err(TryLockError::Error(error)) => Err(about(&error, "cannot lock", &path)),
        }
    }

    /// `None` where nothing has been written yet.
    pub(super) fn read<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let path = self.folder.join(STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(about(&error, "cannot read", &path)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not the state of a sample store ({error}): delete it to begin anew", path.display()),
            )
        })
    }

    pub(super) fn write<T: Serialize>(&self, state: &T) -> io::Result<()> {
        if !self.ours.load(Ordering::Acquire) {
            return Err(io::Error::other("the sample store is closed"));
        }
        let beside = self.folder.join(BESIDE);
        let text = serde_json::to_vec(state)?;
        let written = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, self.folder.join(STATE))?;
            // Without this the rename itself may be lost. Windows has no such call, and does not need it.
            #[cfg(unix)]
            File::open(&self.folder)?.sync_all()?;
            Ok(())
        };
        written().map_err(|error| about(&error, "cannot write", &beside))
    }

    /// Lets another process have the folder. Nothing can be written after it.
    pub(super) fn unlock(&self) -> io::Result<()> {
        self.ours.store(false, Ordering::Release);
        self.lock.unlock()
    }
}

fn about(error: &io::Error, what: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a/b");
        let file = StateFile::open(&inside).unwrap();
        assert_eq!(file.read::<Vec<u8>>().unwrap(), None);
        file.write(&vec![1]).unwrap();
        file.write(&vec![1, 2]).unwrap();
        assert_eq!(file.read::<Vec<u8>>().unwrap(), Some(vec![1, 2]));
        assert!(!inside.join(BESIDE).exists());
    }

    #[test]
    fn a_half_written_file_beside_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::open(folder.path()).unwrap();
        file.write(&vec![1]).unwrap();
        fs::write(folder.path().join(BESIDE), "[1,2").unwrap();
        assert_eq!(file.read::<Vec<u8>>().unwrap(), Some(vec![1]));
        file.write(&vec![3]).unwrap();
        assert_eq!(file.read::<Vec<u8>>().unwrap(), Some(vec![3]));
    }

    #[test]
    fn a_strange_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(STATE), "{").unwrap();
        let error = StateFile::open(folder.path()).unwrap().read::<Vec<u8>>().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains(STATE), "{error}");
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateFile::open(folder.path()).unwrap();
        assert_eq!(StateFile::open(folder.path()).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        first.unlock().unwrap();
        assert!(first.write(&1).is_err());
        StateFile::open(folder.path()).unwrap().write(&2).unwrap();
    }
}
