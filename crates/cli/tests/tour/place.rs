//! A small copy of the repository: the examples, the guides, and some sources to look at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Crates whose sources stand for all of them: enough to fold a map, few enough to be quick.
const CRATES: [&str; 3] = ["crates/model/src", "crates/insight/src", "crates/macros/src"];

pub(crate) struct Place {
    folder: TempDir,
}

/// What a command left behind.
pub(crate) struct Done {
    pub(crate) exit_code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "examples"].iter().chain(&CRATES) {
            copy(&repository().join(name), &place.path(name));
        }
        // A store that somebody has in a folder above is none of these runs' business.
        fs::create_dir(place.path(".flowglass")).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        self.write(name, &(self.read(name) + text));
    }

    /// Runs a line of shell, with `flowglass` on the `PATH`.
    pub(crate) fn sh(&self, line: &str) -> Done {
        self.sh_in("", line)
    }

    /// The same, in a folder below.
    pub(crate) fn sh_in(&self, folder: &str, line: &str) -> Done {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.path(folder)).env_clear().env("PATH", search_path());
        let output = command.output().unwrap();
        Done {
            exit_code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a pipeline file and returns what it says of itself.
    pub(crate) fn run_json(&self, arguments: &str) -> Value {
        let done = self.sh(&format!("flowglass run {arguments} --json"));
        serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}\n{}", done.screen()))
    }
}

impl Done {
    /// What a person would have seen.
    pub(crate) fn screen(&self) -> String {
        format!("{}{}", self.stderr, self.stdout)
    }
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Nothing else of the environment reaches a tour: no store, no trace, no terminal of somebody's.
#[expect(clippy::disallowed_methods, reason = "the programs that pipelines name are found there")]
fn search_path() -> std::ffi::OsString {
    let own = Path::new(env!("CARGO_BIN_EXE_flowglass")).parent().unwrap().to_owned();
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&inherited))).unwrap()
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // Runs of somebody who tried an example where it lies.
        if entry.file_name() != ".flowglass" {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    }
}
