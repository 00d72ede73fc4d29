//! Named pipes: how tests and the commands of pipelines wait for each other.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// After this long nothing will come any more, and the test says so instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// A named pipe: whoever opens one end waits for the other.
pub(crate) struct Fifo {
    path: PathBuf,
}

impl Fifo {
    pub(crate) fn make(path: &Path) -> Self {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
        Self { path: path.to_owned() }
    }

    /// Waits for somebody who writes, and returns what was written.
    #[track_caller]
    pub(crate) fn read(&self) -> String {
        let path = self.path.clone();
        self.wait("nobody wrote into", move || fs::read_to_string(path).unwrap().trim().to_owned())
    }

    /// Waits for somebody who reads, and lets them go on.
    #[track_caller]
    pub(crate) fn open(&self) {
        let path = self.path.clone();
        self.wait("nobody read from", move || drop(File::options().write(true).open(path).unwrap()));
    }

    #[track_caller]
    fn wait<T: Send + 'static>(&self, complaint: &str, action: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, waiting) = mpsc::channel();
        thread::spawn(move || done.send(action()));
        waiting.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{complaint} {}", self.path.display()))
    }
}
