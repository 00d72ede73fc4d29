//! Marks between the lines that a worker prints, which say whose they are. They go the same way as the lines, so that neither can
//! overtake the other.

use std::io::Write as _;

use flowglass_model::{SpanId, TraceId};

use super::super::transport::JobId;
use super::super::voice::{Announce, Said, Voice};

/// What no line of a program has in it by chance: a control character, and what only driver and worker know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening(Vec<u8>);

/// Paths are cut to this, so that a mark is one write that nothing gets between.
const PATH_BYTES: usize = 1_000;

impl Opening {
    pub(super) fn new(secret: &str) -> Self {
        Self(format!("\u{1e}{secret} ").into_bytes())
    }

    /// Finds the first mark in a line: where it begins, and what it says. A mark is the last thing in its line.
    pub(super) fn find(&self, line: &[u8]) -> Option<(usize, Option<Said>)> {
        let at = line.windows(self.0.len()).position(|window| window == self.0)?;
        let text = std::str::from_utf8(&line[at + self.0.len()..]).ok();
        Some((at, text.and_then(parse)))
    }

    /// Writes marks, one a line.
    pub(super) fn write(&self, said: &[Said]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for said in said {
            bytes.extend_from_slice(&self.0);
            // Writing to a Vec can't fail.
            let _ = match said {
                Said::Speaks(None) => writeln!(bytes, "nobody"),
                Said::Over(job) => writeln!(bytes, "over {}", job.0),
                Said::Speaks(Some(Voice { job, trace, span, path })) => {
                    let path: String = path.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                    let path = &path[..path.floor_char_boundary(PATH_BYTES)];
                    writeln!(bytes, "voice {} {trace} {span} {path}", job.0)
                }
            };
        }
        bytes
    }
}

fn parse(text: &str) -> Option<Said> {
    let mut parts = text.splitn(5, ' ');
    let word = parts.next()?;
    let mut job = || parts.next()?.parse().ok().map(JobId);
    Some(match word {
        "nobody" => Said::Speaks(None),
        "over" => Said::Over(job()?),
        "voice" => {
            let job = job()?;
            let (trace, span): (TraceId, SpanId) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            Said::Speaks(Some(Voice { job, trace, span, path: parts.next()?.to_owned() }))
        }
        _ => return None,
    })
}

/// Marks this process's standard output and standard error, as far as they go through pipes: what was sent elsewhere is somebody
/// else's.
#[cfg(unix)]
pub(super) fn marking(opening: Opening) -> Announce {
    use std::fs::File;
    use std::os::fd::{AsFd, BorrowedFd};
    use std::os::unix::fs::FileTypeExt as _;

    let pipe = |stream: BorrowedFd<'_>| {
        let stream = File::from(stream.try_clone_to_owned().ok()?);
        stream.metadata().ok()?.file_type().is_fifo().then_some(stream)
    };
    let streams = [pipe(std::io::stdout().as_fd()), pipe(std::io::stderr().as_fd())];
    std::sync::Arc::new(move |said| {
        let bytes = opening.write(said);
        for mut stream in streams.iter().flatten() {
            // A driver that is gone reads nothing any more. Past the buffer of `stdout`, whose lock a node may hold for ever.
            let _ = stream.write_all(&bytes);
        }
    })
}

/// Where streams can't be told apart from files, nothing is marked, and lines are the worker's.
#[cfg(not(unix))]
pub(super) fn marking(_: Opening) -> Announce {
    std::sync::Arc::new(|_| {})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_and_others_are_none() {
        let (trace, span) = (TraceId::from_bytes([7; 16]), SpanId::from_u64(3));
        let voice = |path: &str| Said::Speaks(Some(Voice { job: JobId(5), trace, span, path: path.to_owned() }));
        let opening = Opening::new("abc");
        for said in [voice("outer > node[3]"), voice(""), Said::Speaks(None), Said::Over(JobId(9))] {
            let line = opening.write(std::slice::from_ref(&said));
            assert_eq!(opening.find(line.strip_suffix(b"\n").unwrap()), Some((0, Some(said))));
        }
        let hostile = opening.write(&[voice("a\nb\u{1e}c")]);
        assert_eq!(opening.find(hostile.strip_suffix(b"\n").unwrap()), Some((0, Some(voice("a b c")))));
        assert_eq!(opening.find(b"a line of no mark \x1eabd over 1"), None);
        assert_eq!(opening.find(b"rest\x1eabc over x"), Some((4, None)));
    }
}
