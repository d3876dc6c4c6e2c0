//! The `crossdock` binary under test.

use std::path::{Path, PathBuf};

pub(crate) fn crossdock() -> PathBuf {
    built("crossdock")
}

/// Beside the test's own executable: `target/debug/deps/all-…` and `target/debug/crossdock`.
pub(crate) fn built(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).unwrap();
    let binary = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(binary.is_file(), "there is no {}: run ./test, or cargo build --workspace", binary.display());
    binary
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn repository_file(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
