//! A temporary folder with pipeline files, a store of its own, and the command called in it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::{Call, Ended, Fifo};

/// A folder that is removed with its owner.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    /// Makes an empty folder. Its `.flowglass/` keeps the search for the nearest one from leaving it.
    pub(crate) fn new() -> Self {
        let home = Self::bare();
        home.folder(".flowglass");
        home
    }

    /// Makes a folder with nothing in it.
    pub(crate) fn bare() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// Makes a folder with a pipeline in `p.toml`.
    pub(crate) fn with(pipeline: &str) -> Self {
        let home = Self::new();
        home.file("p.toml", pipeline);
        home
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    pub(crate) fn folder(&self, name: &str) -> &Self {
        fs::create_dir_all(self.path(name)).unwrap();
        self
    }

    pub(crate) fn fifo(&self, name: &str) -> Fifo {
        Fifo::make(&self.path(name))
    }

    /// The text of a file; nothing where there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Prepares `flowglass ARGUMENTS` in this folder.
    pub(crate) fn call(&self, arguments: &[&str]) -> Call {
        Call::new(self.root(), arguments)
    }

    /// Calls `flowglass ARGUMENTS` and waits for its end.
    pub(crate) fn flowglass(&self, arguments: &[&str]) -> Ended {
        self.call(arguments).end()
    }

    /// Runs `p.toml`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.flowglass(&[&["run", "p.toml"], arguments].concat())
    }

    /// Runs `p.toml`, which must succeed, and returns what it printed.
    pub(crate) fn printed(&self, arguments: &[&str]) -> String {
        self.run(arguments).ok().stdout
    }

    /// Runs `p.toml` for its JSON, whatever came of it.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[&["--json"], arguments].concat()).json()
    }

    /// The newest run of the store as `show --json` tells it.
    pub(crate) fn shown(&self) -> Value {
        self.flowglass(&["show", "--json"]).ok().json()
    }
}
