//! A receiver that remembers, and programs in other languages that send to it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use flowglass_model::{Batch, Sink, SinkError};
use flowglass_server::Receiver;
use parking_lot::Mutex;
use serde_json::Value;

/// A receiver that remembers what it was sent.
pub(crate) struct Setting {
    receiver: Receiver,
    seen: Arc<Mutex<Vec<Arc<Batch>>>>,
}

struct Remember(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Sink for Remember {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.0.lock().push(Arc::clone(batch));
        Ok(())
    }
}

impl Setting {
    pub(crate) fn new() -> Self {
        let seen = Arc::default();
        let builder = Receiver::builder().http("127.0.0.1:0").grpc("127.0.0.1:0");
        Self { receiver: builder.start(Remember(Arc::clone(&seen))).unwrap(), seen }
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.receiver.http_addresses()[0])
    }

    pub(crate) fn grpc(&self) -> String {
        format!("http://{}", self.receiver.grpc_addresses()[0])
    }

    /// What has arrived. Nothing of it may have been wrong or unknown.
    pub(crate) fn batches(&self) -> Vec<Arc<Batch>> {
        let stats = self.receiver.stats();
        assert_eq!((stats.rejected, stats.unknown_fields, stats.refused_requests, stats.postponed_requests), (0, 0, 0, 0));
        self.seen.lock().clone()
    }

    /// As [`batches`](Self::batches), and forgets them.
    pub(crate) fn take(&self) -> Vec<Arc<Batch>> {
        let batches = self.batches();
        self.seen.lock().clear();
        batches
    }
}

/// Runs a program in Python; returns what it printed.
pub(crate) fn python(program: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(installed("python/bin/python"));
    command.arg(source(program)).args(arguments);
    printed(command)
}

/// Runs a program in JavaScript, with the packages that are installed; returns what it printed.
pub(crate) fn node(program: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new("node");
    command.arg(source(program)).arg(installed("node")).args(arguments);
    printed(command)
}

fn source(program: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "clients", program].iter().collect()
}

fn installed(path: &str) -> PathBuf {
    let path = [env!("CARGO_TARGET_TMPDIR"), "clients", path].iter().collect::<PathBuf>();
    assert!(path.exists(), "{} isn't there: `cargo xtask test` installs it", path.display());
    path
}

fn printed(mut command: Command) -> Value {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {text}{errors}"))
}
