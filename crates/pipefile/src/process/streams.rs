//! The three streams of a running command, all at once so that none can block another.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::capture::{HeadTail, Lines};

/// How long the streams are read on after the command has ended: something that it left behind may hold them open.
const DRAIN: Duration = Duration::from_secs(1);
const READ_BYTES: usize = 64 * 1024;

/// Why the streams ended before their time.
#[derive(Debug)]
pub(super) enum StreamError {
    TooLarge,
    Io(io::Error),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A command's streams with what was read from them.
pub(super) struct Streams<'a> {
    stdin: Option<(ChildStdin, &'a [u8])>,
    stdout: Stdout,
    stderr: Stderr<'a>,
}

struct Stdout {
    pipe: Option<ChildStdout>,
    bytes: Vec<u8>,
    most_bytes: usize,
}

struct Stderr<'a> {
    pipe: Option<ChildStderr>,
    kept: HeadTail,
    lines: Lines,
    on_line: Option<&'a (dyn Fn(&str) + Send + Sync)>,
}

impl<'a> Streams<'a> {
    pub(super) fn take(
        child: &mut Child,
        input: Option<&'a [u8]>,
        most_bytes: usize,
        on_line: Option<&'a (dyn Fn(&str) + Send + Sync)>,
    ) -> Self {
        Self {
            stdin: child.stdin.take().zip(input),
            stdout: Stdout { pipe: child.stdout.take(), bytes: Vec::new(), most_bytes },
            stderr: Stderr { pipe: child.stderr.take(), kept: HeadTail::default(), lines: Lines::default(), on_line },
        }
    }

    /// Feeds and reads until the command has ended and its streams are closed, or are still open a moment later.
    pub(super) async fn run_to_end(&mut self, child: &mut Child) -> Result<ExitStatus, StreamError> {
        let Self { stdin, stdout, stderr } = self;
        let streams = async { tokio::try_join!(feed(stdin.take()), stdout.read(), stderr.read()) };
        tokio::pin!(streams);
        tokio::select! {
            status = child.wait() => {
                if let Ok(read) = tokio::time::timeout(DRAIN, streams).await {
                    read?;
                }
                Ok(status?)
            }
            read = &mut streams => {
                read?;
                Ok(child.wait().await?)
            }
        }
    }

    /// Reads on while the command is being ended, so that its last words don't block it.
    pub(super) async fn read_on(&mut self) {
        let Self { stdout, stderr, .. } = self;
        // What went wrong first is what is reported.
        let _ = tokio::join!(stdout.read(), stderr.read());
    }

    pub(super) fn into_captured(mut self) -> (Vec<u8>, HeadTail) {
        self.stderr.end();
        (self.stdout.bytes, self.stderr.kept)
    }
}

async fn feed(stdin: Option<(ChildStdin, &[u8])>) -> Result<(), StreamError> {
    let Some((mut pipe, input)) = stdin else { return Ok(()) };
    match pipe.write_all(input).await {
        // A command may end, or close its input, without reading all of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

impl Stdout {
    async fn read(&mut self) -> Result<(), StreamError> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        loop {
            if self.bytes.capacity() - self.bytes.len() < READ_BYTES {
                self.bytes.reserve(READ_BYTES);
            }
            if pipe.read_buf(&mut self.bytes).await? == 0 {
                self.pipe = None;
                return Ok(());
            }
            if self.bytes.len() > self.most_bytes {
                self.pipe = None;
                return Err(StreamError::TooLarge);
            }
        }
    }
}

impl Stderr<'_> {
    async fn read(&mut self) -> Result<(), StreamError> {
        let mut chunk = vec![0; READ_BYTES / 4];
        while let Some(pipe) = &mut self.pipe {
            let len = pipe.read(&mut chunk).await?;
            if len == 0 {
                self.pipe = None;
            }
            self.kept.push(&chunk[..len]);
            if let Some(on_line) = self.on_line {
                self.lines.push(&chunk[..len], on_line);
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        if let Some(on_line) = self.on_line {
            self.lines.finish(on_line);
        }
    }
}
