//! The receiver as a process of its own, and what the system tells of it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Outcome;

/// Where what is received goes.
pub(super) enum Into {
    Store(PathBuf),
    /// Nowhere: what is left is the cost of the wire.
    Nothing,
}

/// The program, beside this one.
const PROGRAM: &str = "flowglass-bench-receiver";
/// How long a receiver that does nothing more is watched.
const QUIET: Duration = Duration::from_millis(500);

/// A receiver in another process, which ends with this.
pub(super) struct Server {
    child: Child,
    output: BufReader<ChildStdout>,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Server {
    pub(super) fn start(into: &Into) -> Outcome<Self> {
        let program = std::env::current_exe()?.with_file_name(PROGRAM);
        let mut command = Command::new(&program);
        if let Into::Store(path) = into {
            command.arg(path);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| {
            format!("{} doesn't start: {error}; `cargo build --release -p flowglass-bench` makes it", program.display())
        })?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        output.read_line(&mut line)?;
        let mut addresses = line.split_whitespace();
        let mut address = || addresses.next().and_then(|address| address.parse().ok()).ok_or("the receiver doesn't start");
        Ok(Self { http: address()?, grpc: address()?, child, output })
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

    /// Lets it end as it does when it is asked to; returns how many spans it has taken.
    pub(super) fn stop(mut self) -> Outcome<u64> {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        if status.success() { Ok(said.trim().parse()?) } else { Err(format!("the receiver ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
