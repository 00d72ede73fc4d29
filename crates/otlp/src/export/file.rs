//! Requests as lines of JSON in a file, as OpenTelemetry's collector reads and writes them.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use flowglass_model::{Batch, Sink, SinkError, SinkErrorKind};

use super::{ExportError, ExportErrorKind};
use crate::{Signal, TraceEncoder, encode_logs, encode_metrics, request_to_json};

/// Writes batches into a file, or whatever else takes bytes: each line is a request of one signal in OTLP's JSON.
pub struct FileExporter {
    /// What messages call it.
    name: String,
    out: Box<dyn Write + Send>,
    encoder: TraceEncoder,
}

impl FileExporter {
    /// Opens a file, made on first use; lines are added behind those that are there.
    ///
    /// # Errors
    /// [`File`](ExportErrorKind::File), if it can't be written.
    pub fn append(path: impl AsRef<Path>) -> Result<Self, ExportError> {
        let path = path.as_ref().to_owned();
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|error| {
            ExportError::new(ExportErrorKind::File, format!("can't write to `{}`: {error}", path.display()))
        })?;
        Ok(Self::to(&format!("`{}`", path.display()), BufWriter::new(file)))
    }

    /// Writes to something that is open already; messages call it by this name.
    pub fn to(name: &str, out: impl Write + Send + 'static) -> Self {
        Self { name: name.to_owned(), out: Box::new(out), encoder: TraceEncoder::new() }
    }

    fn write_line(&mut self, signal: Signal, request: &[u8]) -> io::Result<()> {
        let mut line = Vec::with_capacity(request.len() * 2);
        request_to_json(signal, request, &mut line).map_err(io::Error::other)?;
        line.push(b'\n');
        self.out.write_all(&line)
    }

    fn failed(&self, error: io::Error) -> SinkError {
        SinkError::new(SinkErrorKind::Permanent, format!("can't write to {}", self.name)).with_source(error)
    }
}

impl Sink for FileExporter {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        for signal in Signal::ALL {
            let mut request = Vec::new();
            let items = match signal {
                Signal::Traces => self.encoder.encode(batch, &mut request),
                Signal::Metrics => encode_metrics(batch, &mut request),
                Signal::Logs => encode_logs(batch, &mut request),
            };
            if items > 0 {
                self.write_line(signal, &request).map_err(|error| self.failed(error))?;
            }
        }
        // A line is there for readers as soon as its batch is written.
        self.flush()
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.out.flush().map_err(|error| self.failed(error))
    }
}

impl fmt::Debug for FileExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileExporter").field("name", &self.name).finish_non_exhaustive()
    }
}
