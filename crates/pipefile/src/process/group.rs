//! Process groups: started, told to end, killed, and never left behind.

use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::Child;
use tokio::sync::oneshot;

use super::streams::Streams;
use super::{Command, ended, program};
use crate::error::{Error, ErrorKind};

/// How long a process group that was told to end is given before it is killed.
pub const GRACE: Duration = Duration::from_secs(2);

/// Starts commands and sees to it that those whose run was given up come to an end.
///
/// Cheap to clone. When the last clone is dropped it waits (at most about [`GRACE`]) until every process group that was
/// given up is gone, so that a program that ends leaves nothing running.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    endings: Arc<Endings>,
}

/// The process groups that were told to end, and the threads that wait for them.
#[derive(Debug, Default)]
struct Endings {
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Shared with the threads by itself: a thread that held all of this could be the last to drop it, and wait for itself.
    groups: Arc<Mutex<Vec<Pid>>>,
}

impl Processes {
    /// Creates a starter of commands.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Blocks until every process group that was given up is gone, at most about [`GRACE`].
    pub fn wait_for_given_up(&self) {
        self.endings.join();
    }

    /// Kills every process group that was given up and has not ended yet.
    pub fn kill_given_up(&self) {
        for id in lock(&self.endings.groups).iter() {
            signal(*id, Signal::KILL);
        }
    }

    pub(super) fn spawn(&self, command: &Command) -> Result<Group, Error> {
        let path = program::find(command)?;
        let mut process = tokio::process::Command::new(path);
        process.arg0(&command.program).args(&command.args).current_dir(&command.cwd);
        command.without_env.iter().for_each(|name| _ = process.env_remove(name));
        process
            .env("PWD", &command.cwd)
            .envs(command.env.iter().map(|(name, value)| (name, value)))
            .stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let child = process.spawn().map_err(|error| program::start_error(command, error))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let id = id.ok_or_else(|| Error::new(ErrorKind::Io, format!("`{}` has no process id", command.label)))?;
        Ok(Group { id, child: Some(child), processes: self.clone() })
    }

    /// Ends a group on a thread of its own; the receiver is told when it is gone.
    fn end(&self, id: Pid, child: Child) -> oneshot::Receiver<()> {
        let (gone, receiver) = oneshot::channel();
        let groups = Arc::clone(&self.endings.groups);
        lock(&groups).push(id);
        let ending = std::thread::Builder::new().name("flowglass-end".into()).spawn(move || {
            end_blocking(id, child);
            lock(&groups).retain(|group| *group != id);
            // Nobody may be waiting any more.
            let _ = gone.send(());
        });
        match ending {
            Ok(thread) => self.endings.add(thread),
            // Without a thread there is nobody to wait: better killed than left behind.
            Err(_) => signal(id, Signal::KILL),
        }
        receiver
    }
}

impl Endings {
    fn add(&self, thread: JoinHandle<()>) {
        let mut threads = lock(&self.threads);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A thread that panicked has nothing more to wait for.
            let _ = thread.join();
        }
    }
}

impl Drop for Endings {
    fn drop(&mut self) {
        self.join();
    }
}

/// A running command and everything it started, ended when this is dropped.
pub(super) struct Group {
    id: Pid,
    child: Option<Child>,
    processes: Processes,
}

impl Group {
    /// Returns the command itself.
    #[expect(clippy::expect_used, reason = "the child is only taken by functions after which the group is not used")]
    pub(super) fn child(&mut self) -> &mut Child {
        self.child.as_mut().expect("a group has its child until it is left or ended")
    }

    /// Leaves the group alone: the command has ended by itself, and what it put into the background is meant to stay.
    pub(super) fn leave(&mut self) {
        self.child = None;
    }

    /// Ends the group and waits until it is gone.
    pub(super) async fn terminate(&mut self, streams: &mut Streams<'_>) {
        let Some(child) = self.child.take() else { return };
        let mut gone = self.processes.end(self.id, child);
        tokio::select! {
            _ = &mut gone => {}
            () = streams.read_on() => {
                // An error means that the thread is gone, and with it what it waited for.
                let _ = gone.await;
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            drop(self.processes.end(self.id, child));
        }
    }
}

fn end_blocking(id: Pid, mut child: Child) {
    signal(id, Signal::TERM);
    if !gone_within(id, &mut child, GRACE) {
        signal(id, Signal::KILL);
        gone_within(id, &mut child, GRACE / 2);
    }
}

/// Waits until nothing of a group runs; the command itself is reaped on the way.
fn gone_within(id: Pid, child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        let leader_ended = !matches!(child.try_wait(), Ok(None));
        if leader_ended && is_gone(id) {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Says whether nothing of a group runs any more.
fn is_gone(id: Pid) -> bool {
    test_kill_process_group(id).is_err() || ended::only_ended_are_left(id)
}

fn signal(id: Pid, signal: Signal) {
    // The group may have ended by itself in between.
    let _ = kill_process_group(id, signal);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
