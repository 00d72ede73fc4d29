//! Running prepared commands: in a group of their own, bounded in time and memory, never left behind.

mod capture;
mod ended;
mod group;
mod program;
mod streams;

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

pub use group::{GRACE, Processes};
pub(crate) use program::inherited_search_path;
pub use program::resolve_program;
use streams::{StreamError, Streams};

use crate::error::{Error, ErrorKind};
use crate::template::TempFiles;

/// How much output of a command is accepted unless it says otherwise, in bytes.
pub const MOST_STDOUT_BYTES: usize = 1 << 30;

/// A command with all values in place, ready to run once.
#[derive(Debug)]
pub struct Command {
    /// What the command is called in messages.
    pub label: String,
    /// The program: a name to be found on `PATH`, or a path relative to `cwd`.
    pub program: OsString,
    /// The program's arguments.
    pub args: Vec<OsString>,
    /// The folder in which it runs.
    pub cwd: PathBuf,
    /// Environment variables besides those of this process; later ones win.
    pub env: Vec<(OsString, OsString)>,
    /// Environment variables of this process that it doesn't get.
    pub without_env: Vec<OsString>,
    /// What it reads from its input; none: nothing.
    pub stdin: Option<Vec<u8>>,
    /// The longest time that it may take.
    pub timeout: Option<Duration>,
    /// The most output that is accepted, in bytes.
    pub most_stdout_bytes: usize,
    pub(crate) files: TempFiles,
}

impl Command {
    /// Creates a command without arguments, input or timeout.
    #[must_use]
    pub fn new(program: impl Into<OsString>, cwd: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self {
            label: program.to_string_lossy().into_owned(),
            program,
            args: Vec::new(),
            cwd: cwd.into(),
            env: Vec::new(),
            without_env: Vec::new(),
            stdin: None,
            timeout: None,
            most_stdout_bytes: MOST_STDOUT_BYTES,
            files: TempFiles::default(),
        }
    }

    /// Sets an environment variable.
    pub fn set_env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.env.push((name.into(), value.into()));
    }

    /// Returns the `PATH` on which the program is looked for.
    fn search_path(&self) -> Option<OsString> {
        let own = self.env.iter().rev().find(|(name, _)| name == OsStr::new("PATH"));
        own.map(|(_, path)| path.clone()).or_else(program::inherited_search_path)
    }
}

/// What a command printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// Its output.
    pub stdout: Vec<u8>,
    /// The beginning and the end of its error output.
    pub stderr: String,
}

impl Processes {
    /// Runs a command to its end. Each line of its error output also goes to `on_stderr` as it comes.
    ///
    /// When the future is dropped, and at a timeout, the command's whole process group is told to end, and killed if it is
    /// still there 2 seconds later.
    ///
    /// # Errors
    /// `NotFound` and `PermissionDenied` if it can't start; `Exit`, `Signal` and `Timeout` with the end of its error
    /// output; `TooLarge` for more output than is accepted; `Io`.
    pub async fn run(&self, command: Command, on_stderr: Option<&(dyn Fn(&str) + Send + Sync)>) -> Result<Printed, Error> {
        let mut group = self.spawn(&command)?;
        let mut streams = Streams::take(group.child(), command.stdin.as_deref(), command.most_stdout_bytes, on_stderr);
        let ended = match command.timeout {
            Some(limit) => tokio::time::timeout(limit, streams.run_to_end(group.child())).await.ok(),
            None => Some(streams.run_to_end(group.child()).await),
        };
        let ended = match ended {
            Some(Ok(status)) => {
                group.leave();
                check_status(&command.label, status)
            }
            Some(Err(error)) => {
                group.terminate(&mut streams).await;
                Err(stream_error(&command, error))
            }
            None => {
                group.terminate(&mut streams).await;
                Err(timed_out(&command))
            }
        };
        let (stdout, stderr) = streams.into_captured();
        match ended {
            Ok(()) => Ok(Printed { stdout, stderr: stderr.text() }),
            Err(error) => Err(error.with_stderr(stderr.last_lines())),
        }
    }
}

fn check_status(label: &str, status: ExitStatus) -> Result<(), Error> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(Error::new(ErrorKind::Exit, format!("`{label}` exited with code {code}")).with_exit_code(code)),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Err(Error::new(ErrorKind::Signal, format!("`{label}` was killed by signal {signal}{}", signal_name(signal))))
        }
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (HUP)",
        2 => " (INT)",
        3 => " (QUIT)",
        4 => " (ILL)",
        6 => " (ABRT)",
        8 => " (FPE)",
        9 => " (KILL)",
        11 => " (SEGV)",
        13 => " (PIPE)",
        14 => " (ALRM)",
        15 => " (TERM)",
        _ => "",
    }
}

fn timed_out(command: &Command) -> Error {
    let limit = command.timeout.unwrap_or_default();
    Error::new(ErrorKind::Timeout, format!("`{}` took longer than its timeout of {limit:?}", command.label))
}

fn stream_error(command: &Command, error: StreamError) -> Error {
    match error {
        StreamError::TooLarge => {
            let message = format!(
                "`{}` printed more than {} bytes: write large results to a file and print its name",
                command.label, command.most_stdout_bytes
            );
            Error::new(ErrorKind::TooLarge, message)
        }
        StreamError::Io(error) => Error::io(format_args!("reading the output of `{}`", command.label), error),
    }
}

/// Returns a path below a folder; an absolute one stays.
pub(crate) fn below(folder: &Path, path: &OsStr) -> PathBuf {
    if path == "." { folder.to_owned() } else { folder.join(path) }
}

#[cfg(test)]
mod tests;
