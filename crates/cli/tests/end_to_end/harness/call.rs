//! One call of the command, with an environment that nothing leaks into.

use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use super::{Ended, Process};

/// A call that has not begun.
pub(crate) struct Call {
    command: Command,
}

impl Call {
    pub(crate) fn new(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowglass"));
        command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[expect(clippy::disallowed_methods, reason = "the programs that pipelines name are found there")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).env("TZ", "UTC");
        Self { command }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Calls it in another folder.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn end(self) -> Ended {
        self.start().end()
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap();
        let (stderr, heard) = drain(child.stderr.take().unwrap());
        Running { child: Some(child), stderr: Some(stderr), heard, said: String::new() }
    }
}

/// A call that is under way. It dies with its owner, so that a test that fails leaves nothing behind.
pub(crate) struct Running {
    child: Option<Child>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    heard: mpsc::Receiver<String>,
    said: String,
}

impl Running {
    pub(crate) fn process(&self) -> Process {
        Process::new(self.child.as_ref().unwrap().id())
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        self.process().signal(name);
    }

    /// Takes standard output, to be read while the call goes on.
    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.as_mut().unwrap().stdout.take().unwrap()
    }

    /// Waits until standard error says these words, and returns all that it has said by then.
    #[track_caller]
    pub(crate) fn says(&mut self, words: &str) -> &str {
        while !self.said.contains(words) {
            let more = self.heard.recv().unwrap_or_else(|_| panic!("{words:?} was never said: {}", self.said));
            self.said.push_str(&more);
        }
        &self.said
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let mut child = self.child.take().unwrap();
        let mut stdout = Vec::new();
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        let status = child.wait().unwrap();
        Ended::new(status, stdout, self.stderr.take().unwrap().join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // What failed is told by the test; a process that has ended meanwhile is as good as one that was ended.
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> (JoinHandle<Vec<u8>>, mpsc::Receiver<String>) {
    let (tell, heard) = mpsc::channel();
    let thread = thread::spawn(move || {
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = pipe.read(&mut part) {
            bytes.extend_from_slice(&part[..read]);
            // Most tests only look at the end.
            let _ = tell.send(String::from_utf8_lossy(&part[..read]).into_owned());
        }
        bytes
    });
    (thread, heard)
}
