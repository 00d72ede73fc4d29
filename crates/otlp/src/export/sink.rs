//! The sink that exports: it writes requests, and lets a thread of its own send them.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flowglass_model::{Batch, Sink, SinkError, SinkErrorKind};
use flowglass_spool::{Spool, WhenFull};

use super::backlog::Backlog;
use super::body::Body;
use super::builder::ExporterBuilder;
use super::connection::Connection;
use super::destination::Destination;
use super::lane::Lane;
use super::stats::ExportStats;
use super::{Backoff, ExportError, ExportErrorKind};
use crate::{Signal, TraceEncoder, encode_logs, encode_metrics};

/// What receivers of gRPC take at once unless they are told otherwise, in bytes.
const REQUEST_BYTES: usize = 4 << 20;

/// Everything that can be set about exporting. A signal without a destination isn't exported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// Where spans go.
    pub traces: Option<Destination>,
    /// Where metrics go.
    pub metrics: Option<Destination>,
    /// Where logs, and events without a span, go.
    pub logs: Option<Destination>,
    /// How long to wait before something is tried again.
    pub backoff: Backoff,
    /// How much of each signal may wait in memory, in bytes, compressed; beyond, the oldest is dropped and counted. 0, the
    /// default, stands for 16 MiB.
    pub queue_bytes: usize,
    /// How long a flush waits for answers; zero, the default, stands for 10 seconds.
    pub flush_timeout: Duration,
    /// A folder for what waits while the destination is away; without one it waits in memory.
    pub spool: Option<SpoolOptions>,
    /// How large a request may be, in bytes before it is compressed; larger ones are cut. 0, the default, stands for 4 MiB, which is
    /// what receivers of gRPC take.
    pub request_bytes: usize,
    /// Whether spans that still run are sent too: only Flowglass and Logfire understand them.
    pub running_spans: bool,
}

/// A folder for what waits while a destination is away. It survives the end of the program, up to its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The folder, made on first use.
    pub folder: PathBuf,
    /// How much of each signal may wait, in bytes; beyond, the oldest is dropped and counted. Files that can't be read back any more
    /// stay beside it, up to as many bytes again.
    pub bytes: u64,
}

impl SpoolOptions {
    /// Returns how much lies there now for each destination, by the name of its folder, in bytes; at most about [`bytes`](Self::bytes) for
    /// each.
    #[must_use]
    pub fn waiting(&self) -> Vec<(String, u64)> {
        let folders = std::fs::read_dir(&self.folder).into_iter().flatten().filter_map(Result::ok);
        let of_folder = |entry: std::fs::DirEntry| {
            (entry.file_name().to_string_lossy().into_owned(), flowglass_spool::waiting_in(&entry.path()))
        };
        let mut waiting: Vec<(String, u64)> = folders.map(of_folder).filter(|(_, bytes)| *bytes > 0).collect();
        waiting.sort_unstable();
        waiting
    }
}

/// Exports batches by OTLP: a [`Sink`] for a recorder.
///
/// Nothing that happens to a destination slows the recorder. What waits is bounded, and what is lost is counted in
/// [`stats`](Self::stats); [`Sink::flush`] waits until everything is sent, or says what is in the way.
#[derive(Debug)]
pub struct Exporter {
    lanes: Vec<Arc<Lane>>,
    /// Handed to the sending thread when there is something to send.
    connections: Vec<Connection>,
    thread: Option<JoinHandle<()>>,
    encoder: TraceEncoder,
    flush_timeout: Duration,
    request_bytes: usize,
    stats: ExportStats,
}

impl Exporter {
    /// Starts to set up an exporter to an address: `otlp://host:4317` (gRPC), `http://host:4318` (HTTP), or with TLS `otlps://` and
    /// `https://`.
    pub fn builder(address: &str) -> ExporterBuilder {
        ExporterBuilder::new(address)
    }

    /// Makes an exporter. Nothing is sent, and nobody is asked, before there is a batch.
    ///
    /// # Errors
    /// [`Address`](ExportErrorKind::Address), [`Setting`](ExportErrorKind::Setting), [`Tls`](ExportErrorKind::Tls) or
    /// [`File`](ExportErrorKind::File), if an option can't be used.
    pub fn new(options: &ExportOptions) -> Result<Self, ExportError> {
        let stats = ExportStats::default();
        let (mut lanes, mut connections) = (Vec::new(), Vec::new());
        for (signal, destination) in options.destinations() {
            connections.push(Connection::new(destination, signal)?);
            let spool = options.spool.as_ref().map(|spool| open_spool(spool, destination, signal)).transpose()?;
            let queue_bytes = if options.queue_bytes == 0 { 16 << 20 } else { options.queue_bytes };
            let backlog = Backlog::new(queue_bytes, spool);
            lanes.push(Arc::new(Lane::new(signal, destination.clone(), backlog, options.backoff, stats.clone())));
        }
        let encoder = TraceEncoder::new().running(options.running_spans);
        let flush_timeout = if options.flush_timeout.is_zero() { Duration::from_secs(10) } else { options.flush_timeout };
        let request_bytes = if options.request_bytes == 0 { REQUEST_BYTES } else { options.request_bytes };
        Ok(Self { lanes, connections, thread: None, encoder, flush_timeout, request_bytes, stats })
    }

    /// Returns the counts, which go on while the exporter works for a recorder.
    #[must_use]
    pub fn stats(&self) -> ExportStats {
        self.stats.clone()
    }

    fn start(&mut self) -> Result<(), SinkError> {
        if self.thread.is_some() {
            return Ok(());
        }
        let failed = |error| SinkError::new(SinkErrorKind::Unavailable, "the exporter's thread can't start").with_source(error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let work: Vec<_> = self.lanes.iter().cloned().zip(std::mem::take(&mut self.connections)).collect();
        let run = move || {
            let tasks: Vec<_> = work.into_iter().map(|(lane, connection)| runtime.spawn(lane.run(connection))).collect();
            // A task that panics ends its own lane only.
            tasks.into_iter().for_each(|task| drop(runtime.block_on(task)));
            runtime.shutdown_background();
        };
        self.thread = Some(std::thread::Builder::new().name("otlp".to_owned()).spawn(run).map_err(failed)?);
        Ok(())
    }

    fn encode(&mut self, signal: Signal, batch: &Batch, out: &mut Vec<u8>) -> usize {
        match signal {
            Signal::Traces => self.encoder.encode(batch, out),
            Signal::Metrics => encode_metrics(batch, out),
            Signal::Logs => encode_logs(batch, out),
        }
    }
}

impl Sink for Exporter {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.start()?;
        for at in 0..self.lanes.len() {
            let lane = Arc::clone(&self.lanes[at]);
            let mut request = Vec::new();
            let items = self.encode(lane.signal, batch, &mut request);
            if items > 0 {
                let bodies = Body::cut(&lane.destination, lane.signal, request, items as u64, self.request_bytes);
                bodies.into_iter().for_each(|body| lane.push(body));
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        if self.thread.is_none() && self.lanes.iter().all(|lane| lane.is_idle()) {
            return Ok(());
        }
        self.start()?;
        let troubles: Vec<String> = self.lanes.iter().filter_map(|lane| lane.flush(self.flush_timeout)).collect();
        if troubles.is_empty() { Ok(()) } else { Err(SinkError::new(SinkErrorKind::Permanent, troubles.join("; "))) }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.lanes.iter().for_each(|lane| lane.stop());
        if let Some(thread) = self.thread.take() {
            // It ends at once: its loops see that they are stopped.
            let _ = thread.join();
        }
    }
}

impl ExportOptions {
    pub(super) fn destinations(&self) -> impl Iterator<Item = (Signal, &Destination)> {
        let all = [(Signal::Traces, &self.traces), (Signal::Metrics, &self.metrics), (Signal::Logs, &self.logs)];
        all.into_iter().filter_map(|(signal, destination)| Some((signal, destination.as_ref()?)))
    }
}

/// Opens the folder of a destination and a signal: what waits for one place is never sent to another.
fn open_spool(options: &SpoolOptions, destination: &Destination, signal: Signal) -> Result<Spool, ExportError> {
    let (address, path) = destination.target(signal)?;
    let name = format!("{}{path}", address.authority());
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let folder = options.folder.join(format!("{}-{name}", signal.as_str()));
    Spool::open(&folder, options.bytes, WhenFull::DropOldest).map_err(|error| {
        let message = format!("can't keep what waits in `{}`: {error}", folder.display());
        ExportError::new(ExportErrorKind::File, message)
    })
}
