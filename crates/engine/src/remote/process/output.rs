//! What a worker prints, as its driver passes it on: line by line, each with whose it is.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::super::transport::{JobId, Message, Output, Stream};
use super::super::voice::{Said, Voice};
use super::mark::Opening;
use super::pool::Pool;

/// How long an answer waits for what was printed before it, and the end of a worker for its last lines. A stream that takes longer
/// (something else holds it, or nobody reads the driver's standard error) is never waited for again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Longer lines are passed on in pieces of this size.
const LINE_BYTES: usize = 64 << 10;

/// What is known of both streams of a worker.
#[derive(Default)]
pub(super) struct Heard {
    streams: Mutex<[Progress; 2]>,
    changed: Condvar,
}

/// How far a stream was read.
#[derive(Default)]
struct Progress {
    /// Jobs that have said all, and whose answers nobody has taken yet.
    over: HashSet<JobId>,
    has_ended: bool,
    is_deaf: bool,
}

impl Progress {
    fn take_over(&mut self, job: JobId) {
        self.over.insert(job);
    }
}

impl Heard {
    /// Waits until all that a job has printed is passed on.
    pub(super) fn wait_for(&self, job: JobId) {
        self.wait(|progress| progress.over.contains(&job));
        for progress in self.streams.lock().iter_mut() {
            progress.over.remove(&job);
        }
    }

    /// Waits until everything is passed on.
    pub(super) fn wait_for_end(&self) {
        self.wait(|_| false);
    }

    fn wait(&self, is_there: impl Fn(&Progress) -> bool) {
        let is_awaited = |progress: &Progress| !(progress.has_ended || progress.is_deaf || is_there(progress));
        let deadline = Instant::now() + PATIENCE;
        let mut streams = self.streams.lock();
        while streams.iter().any(is_awaited) {
            if self.changed.wait_until(&mut streams, deadline).timed_out() {
                for progress in streams.iter_mut() {
                    progress.is_deaf |= is_awaited(progress);
                }
            }
        }
    }

    fn change(&self, stream: Stream, change: impl FnOnce(&mut Progress)) {
        change(&mut self.streams.lock()[stream as usize]);
        self.changed.notify_all();
    }
}

/// Passes one stream of a worker on, until it ends.
pub(super) fn pass_on(
    pool: &Pool,
    number: usize,
    mut from: impl Read,
    (stream, opening): (Stream, Opening),
    heard: &Arc<Heard>,
) {
    let worker = pool.name(number);
    let mut lines = Lines::new(opening);
    let mut buffer = vec![0; 16 << 10];
    let mut tell = |told: Told<'_>| match told {
        Told::Over(job) => heard.change(stream, |progress| progress.take_over(job)),
        Told::Line(line, voice) => {
            print(&worker, line, voice);
            if let Some(voice) = voice {
                let Voice { trace, span, .. } = *voice;
                let line = String::from_utf8_lossy(line).into_owned();
                pool.deliver(number, voice.job, Message::Output(Output { worker: worker.clone(), trace, span, stream, line }));
            }
        }
    };
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => lines.feed(&buffer[..length], &mut tell),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.end(&mut tell);
    heard.change(stream, |progress| progress.has_ended = true);
}

/// Writes a line to this process's standard error in one piece.
fn print(worker: &str, line: &[u8], voice: Option<&Voice>) {
    let path = voice.map(|voice| format!(" {}", voice.path)).unwrap_or_default();
    let whole = [format!("[{worker}{path}] ").as_bytes(), line, b"\n"].concat();
    // Nobody is left to be told that nobody reads it.
    let _ = std::io::stderr().lock().write_all(&whole);
}

/// What a stream tells.
enum Told<'a> {
    Line(&'a [u8], Option<&'a Voice>),
    Over(JobId),
}

/// Takes a stream apart into lines and marks.
struct Lines {
    opening: Opening,
    buffer: Vec<u8>,
    voice: Option<Voice>,
}

impl Lines {
    const fn new(opening: Opening) -> Self {
        Self { opening, buffer: Vec::new(), voice: None }
    }

    fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(Told<'_>)) {
        let mut parts = bytes.split_inclusive(|&byte| byte == b'\n');
        for part in &mut parts {
            self.buffer.extend_from_slice(part);
            if let Some(line) = self.buffer.strip_suffix(b"\n") {
                let line = line.to_vec();
                self.buffer.clear();
                self.line(&line, tell);
            } else if self.buffer.len() >= LINE_BYTES {
                self.end(tell);
            }
        }
    }

    /// What is left is a line, too.
    fn end(&mut self, tell: &mut impl FnMut(Told<'_>)) {
        if !self.buffer.is_empty() {
            tell(Told::Line(&std::mem::take(&mut self.buffer), self.voice.as_ref()));
        }
    }

    fn line(&mut self, line: &[u8], tell: &mut impl FnMut(Told<'_>)) {
        let Some((at, said)) = self.opening.find(line) else { return tell(Told::Line(line, self.voice.as_ref())) };
        if at > 0 {
            tell(Told::Line(&line[..at], self.voice.as_ref()));
        }
        match said {
            Some(Said::Speaks(voice)) => self.voice = voice,
            Some(Said::Over(job)) => {
                self.voice.take_if(|voice| voice.job == job);
                tell(Told::Over(job));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{SpanId, TraceId};
    use proptest::prelude::*;

    use super::*;

    fn voice(job: u64, path: &str) -> Said {
        let (trace, span) = (TraceId::from_bytes([7; 16]), SpanId::from_u64(3));
        Said::Speaks(Some(Voice { job: JobId(job), trace, span, path: path.to_owned() }))
    }

    /// What is told of a stream that comes in pieces of this size.
    fn told(stream: &[u8], piece: usize) -> Vec<String> {
        let (mut lines, mut told) = (Lines::new(Opening::new("KEY")), Vec::new());
        let mut tell = |heard: Told<'_>| {
            told.push(match heard {
                Told::Over(job) => format!("/{}", job.0),
                Told::Line(line, voice) => {
                    format!("{}: {}", voice.map_or("", |voice| &voice.path), String::from_utf8_lossy(line))
                }
            });
        };
        stream.chunks(piece).for_each(|piece| lines.feed(piece, &mut tell));
        lines.end(&mut tell);
        told
    }

    #[test]
    fn lines_belong_to_who_spoke_when_they_ended() {
        let opening = Opening::new("KEY");
        let mut stream = b"before\n".to_vec();
        stream.extend(opening.write(&[voice(1, "a[0]")]));
        stream.extend(b"one\ntwo without an end");
        stream.extend(opening.write(&[voice(1, "a[1]")]));
        stream.extend(b"three\n");
        stream.extend(opening.write(&[Said::Over(JobId(2)), Said::Over(JobId(1)), Said::Speaks(None)]));
        stream.extend(b"\n\xff after");
        let expected =
            [": before", "a[0]: one", "a[0]: two without an end", "a[1]: three", "/2", "/1", ": ", ": \u{fffd} after"];
        for piece in [1, 2, 7, stream.len()] {
            assert_eq!(told(&stream, piece), expected, "{piece}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_passed_on_in_pieces() {
        let told = told(&vec![b'x'; LINE_BYTES * 2 + 5], 1 << 10);
        assert_eq!(told.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES + 2, LINE_BYTES + 2, 7]);
    }

    #[test]
    fn what_is_waited_for_in_vain_is_not_waited_for_again() {
        let heard = Heard::default();
        heard.change(Stream::Stdout, |progress| progress.take_over(JobId(1)));
        heard.change(Stream::Stderr, |progress| progress.is_deaf = true);
        heard.wait_for(JobId(1));
        assert!(heard.streams.lock().iter().all(|progress| progress.over.is_empty()));
        heard.change(Stream::Stdout, |progress| progress.has_ended = true);
        heard.wait_for(JobId(2));
        heard.wait_for_end();
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_the_stream_is_cut(
            // The beginning of an opening, but never a whole one.
            lines in prop::collection::vec("[a-zKE\u{1e} ]{0,20}", 0..20), piece in 1_usize..40,
        ) {
            let stream: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let expected: Vec<String> = lines.iter().map(|line| format!(": {line}")).collect();
            prop_assert_eq!(told(stream.as_bytes(), piece), expected);
        }
    }
}
