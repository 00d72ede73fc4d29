//! Log records as lines: JSON for programs or text for people, on standard error or in a file, with their traces.

mod choice;
mod line;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use flowglass_model::{Batch, LogRecord, Redaction, Severity, Sink, SinkError, SinkErrorKind};

use self::choice::Choice;
use self::line::Form;

/// Writes each log record as a line of JSON to standard error; see [`LogWriter`] for what can be changed.
///
/// ```
/// use flowglass::{Recorder, Severity, logs};
///
/// let recorder = Recorder::builder().sink("logs", logs::json().level(Severity::WARN)).build();
/// recorder.log(Severity::WARN, "the disk is nearly full", &[("free.bytes", 1024.into())]);
/// // {"time":"2026-01-01T12:00:00.5Z","level":"WARN","message":"the disk is nearly full","attributes":{"free.bytes":1024}}
/// # recorder.flush(std::time::Duration::from_secs(5)).unwrap();
/// ```
#[must_use]
pub fn json() -> LogWriter {
    LogWriter::new(Form::Json)
}

/// Writes each log record as a line for people to standard error: `12:00:00.500 WARN the disk is nearly full free.bytes=1024`.
#[must_use]
pub fn human() -> LogWriter {
    LogWriter::new(Form::Human)
}

/// Writes log records as lines: what code says by [`log`](crate::log) or [`Recorder::log`](crate::Recorder::log), and what
/// libraries say by `tracing`, if they are [recorded as such](crate::guide::logs). A sink of a recorder.
///
/// A record that belongs to a span carries the ids of its trace and its span. Secrets are replaced by `[redacted]`, by the rules of
/// [`Redaction`], even where the recorder hides none.
pub struct LogWriter {
    form: Form,
    choice: Choice,
    redaction: Redaction,
    to: Box<dyn Write + Send>,
}

impl LogWriter {
    fn new(form: Form) -> Self {
        Self { form, choice: Choice::default(), redaction: Redaction::secrets(), to: Box::new(io::stderr()) }
    }

    /// Writes to a file, behind what it has; the file is made if it isn't there.
    ///
    /// # Errors
    /// If the file can't be opened.
    pub fn to_file(self, path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(self.to(File::options().create(true).append(true).open(path)?))
    }

    /// Writes to anything.
    #[must_use]
    pub fn to(mut self, to: impl Write + Send + 'static) -> Self {
        self.to = Box::new(to);
        self
    }

    /// Leaves out what matters less. Default: nothing.
    #[must_use]
    pub fn level(mut self, least: Severity) -> Self {
        self.choice.least = least;
        self
    }

    /// Writes about this fraction of what matters less than a warning, in [0, 1]: all records of a trace or none. Default: 1.
    #[must_use]
    pub fn sample(mut self, rate: f64) -> Self {
        self.choice.rate = rate;
        self
    }

    /// Writes so many records of each second at most; a line says how many were left out. Default: all.
    #[must_use]
    pub fn at_most(mut self, each_second: u64) -> Self {
        self.choice.each_second = Some(each_second);
        self
    }

    /// Hides by these rules. Default: secrets.
    #[must_use]
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Also replaces values whose keys contain this, in any case.
    #[must_use]
    pub fn redact(mut self, part_of_key: &str) -> Self {
        self.redaction = self.redaction.key(&format!("*{part_of_key}*"));
        self
    }

    fn lines(&mut self, batch: &Batch) -> String {
        let mut lines = String::new();
        for log in batch.logs() {
            let mut record = log.to_log();
            let chosen = self.choice.of(&record);
            if chosen.left_out > 0 {
                self.form.write(&left_out(chosen.left_out, record.unix_ns), &mut lines);
            }
            if chosen.is_written {
                line::redact(&mut record, &self.redaction);
                self.form.write(&record, &mut lines);
            }
        }
        lines
    }
}

impl Sink for LogWriter {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let lines = self.lines(batch);
        self.to.write_all(lines.as_bytes()).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.to.flush().map_err(failed)
    }
}

impl std::fmt::Debug for LogWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogWriter").field("form", &self.form).field("choice", &self.choice).finish_non_exhaustive()
    }
}

/// Lines may be written in part: written again, they would be there twice.
fn failed(error: io::Error) -> SinkError {
    SinkError::new(SinkErrorKind::Permanent, format!("log records can't be written: {error}")).with_source(error)
}

/// What is said of records that were too many.
fn left_out(count: u64, unix_ns: i64) -> LogRecord {
    let body = format!("{count} log records were left out: there were too many in a second").into();
    LogRecord { unix_ns, severity: Severity::WARN, body, ..LogRecord::default() }
}
