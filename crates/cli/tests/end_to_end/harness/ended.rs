//! What a call left: its exit code and what it wrote.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::Value;

/// A call that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) bytes: Vec<u8>,
}

impl Ended {
    pub(crate) fn new(status: ExitStatus, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        Self {
            code: status.code(),
            signal: status.signal(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            bytes: stdout,
        }
    }

    /// Says that the call must have ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }

    /// Says that the call must have told wrong usage or a wrong file, with all these words, and made nothing.
    #[track_caller]
    pub(crate) fn refuses(self, words: &[&str]) -> Self {
        let ended = self.exits(2).tells(words);
        assert_eq!(ended.stdout, "");
        ended
    }

    /// Says that the run must have failed, with all these words told.
    #[track_caller]
    pub(crate) fn fails(self, words: &[&str]) -> Self {
        self.exits(1).tells(words)
    }

    #[track_caller]
    pub(crate) fn tells(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "nothing says {word:?}: {self}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The id in the last line but one of a run's screen.
    #[track_caller]
    pub(crate) fn run_id(&self) -> String {
        let line = self.stderr.lines().find_map(|line| line.strip_prefix("run "));
        line.unwrap_or_else(|| panic!("no run is named: {self}")).to_owned()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (code, signal) = (self.code, self.signal);
        write!(f, "code {code:?}, signal {signal:?}\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Finds a node of a run's JSON by its path.
#[track_caller]
pub(crate) fn node<'a>(run: &'a Value, path: &str) -> &'a Value {
    let found = run["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| node["path"] == path));
    found.unwrap_or_else(|| panic!("no node {path:?} in {run:#}"))
}
