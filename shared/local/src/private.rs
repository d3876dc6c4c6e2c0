//! What the local hub keeps is for its user alone: payloads, customers' names, the key that it signs with.
//!
//! What it makes is made so: folders 0700, files 0600, from the first moment on. What an older release left open to everybody on
//! the machine is closed when it is opened, and that is told; the next time there is nothing to tell. Permissions are only ever
//! taken away.
//!
//! Deliberately left alone: folders that are there, for they may be shared with other things; files that are open to a group and
//! not to everybody, for somebody has meant that; files that are not the hub's own, the user's `secrets` among them. Where a file
//! system knows no permissions, or the file is somebody else's, the hub works all the same.

use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// With all that it is in; one that is there stays as it is.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// To open a file with; if it is made, it is private.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Instead of what was in it.
pub fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    close(file);
    options().write(true).create(true).truncate(true).open(file)?.write_all(content)
}

/// Whether the file was open to everybody and is no longer.
#[cfg(unix)]
pub(crate) fn close(file: &Path) -> bool {
    use std::{fs, os::unix::fs::PermissionsExt};

    let mode = || Some(fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file)?.permissions().mode());
    let Some(open) = mode().filter(|mode| mode & 0o007 != 0) else { return false };
    // A file system without permissions may say yes and do nothing.
    fs::set_permissions(file, fs::Permissions::from_mode(open & !0o077)).is_ok()
        && mode().is_some_and(|mode| mode & 0o077 == 0)
}

#[cfg(not(unix))]
pub(crate) fn close(_: &Path) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_private() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b");
        make_folder(&folder).unwrap();
        assert_eq!((mode(folder.parent().unwrap()), mode(&folder)), (0o700, 0o700));
        let file = folder.join("file");
        write(&file, b"longer").unwrap();
        write(&file, b"short").unwrap();
        assert_eq!((mode(&file), fs::read(&file).unwrap()), (0o600, b"short".to_vec()));

        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        make_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o755, "what is there may be somebody else's");
    }

    #[test]
    fn what_is_open_to_everybody_is_closed_once() {
        let folder = tempfile::tempdir().unwrap();
        let check = |before: u32, closed: bool, after: u32| {
            let file = folder.path().join(format!("{before:o}"));
            fs::write(&file, "x").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(before)).unwrap();
            assert_eq!((close(&file), mode(&file)), (closed, after), "{before:o}");
            assert!(!close(&file), "{before:o}");
        };
        check(0o644, true, 0o600);
        check(0o666, true, 0o600);
        check(0o444, true, 0o400);
        check(0o640, false, 0o640);
        check(0o600, false, 0o600);
        assert!(!close(&folder.path().join("none")));
        assert!(!close(folder.path()));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("640", &link).unwrap();
        assert!(!close(&link), "where it leads is not ours");
    }
}
