//! The receiver as a process of its own, and what the system tells of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use flowglass::server::Receiver;
use flowglass::store::{SinkOptions, SqliteStore};
use flowglass_model::{Batch, Sink, SinkError};

use super::Outcome;
use crate::contender::ARGUMENT;
use crate::figures::Figures;

/// Where what is received goes.
pub(super) enum Into {
    Store(PathBuf),
    /// Nowhere: what is left is the cost of the wire.
    Nothing,
}

const NOTHING: &str = "nothing";
/// How long a receiver that does nothing more is watched.
const QUIET: Duration = Duration::from_millis(500);

/// A receiver in another process, which ends with this.
pub(super) struct Server {
    child: Child,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Server {
    pub(super) fn start(into: &Into) -> Outcome<Self> {
        let into = match into {
            Into::Store(path) => path.display().to_string(),
            Into::Nothing => NOTHING.to_owned(),
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args([ARGUMENT, "ingest", &into])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().ok_or("no output")?).read_line(&mut line)?;
        let mut addresses = line.split_whitespace();
        let mut address = || addresses.next().and_then(|address| address.parse().ok()).ok_or("the receiver doesn't start");
        Ok(Self { http: address()?, grpc: address()?, child })
    }

    pub(super) const fn http(&self) -> SocketAddr {
        self.http
    }

    pub(super) const fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    /// Returns a figure of the process's memory, in megabytes.
    pub(super) fn memory_mb(&self, key: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line =
            status.lines().find_map(|line| line.strip_prefix(key)).ok_or("the system doesn't tell a process's memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
    }

    /// Returns how long the process has been on processors, in seconds.
    pub(super) fn cpu_s(&self) -> Outcome<f64> {
        let mut ns = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let Ok(text) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
            ns += text.split_whitespace().next().ok_or("no time")?.parse::<f64>()?;
        }
        Ok(ns / 1e9)
    }

    /// Waits until the process does nothing more; returns how long it has been on processors by then.
    pub(super) fn cpu_s_when_idle(&self) -> Outcome<f64> {
        let mut last = self.cpu_s()?;
        loop {
            thread::sleep(QUIET);
            let now = self.cpu_s()?;
            if now - last < 0.005 {
                return Ok(now);
            }
            last = now;
        }
    }

    /// Lets it end as it does when it is asked to.
    pub(super) fn stop(mut self) -> Outcome<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the receiver ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Receives until standard input ends.
pub(crate) fn contend(into: &str) -> Result<Figures, String> {
    serve(into).map(|()| Figures::default()).map_err(|error| error.to_string())
}

fn serve(into: &str) -> Outcome<()> {
    let builder = Receiver::builder().http("127.0.0.1:0").grpc("127.0.0.1:0");
    let receiver = if into == NOTHING {
        builder.start(Nowhere)?
    } else {
        builder.start(SqliteStore::create_or_open(into.as_ref())?.sink(SinkOptions::default())?)?
    };
    println!("{} {}", receiver.http_addresses()[0], receiver.grpc_addresses()[0]);
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    receiver.stop(Duration::from_secs(10))?;
    Ok(())
}

struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
        Ok(())
    }
}
