//! A running receiver: its threads, its addresses, and how it ends.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flowglass_model::Sink;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::accept::Listening;
use crate::intake::{Intake, Writing};
use crate::notice::Notices;
use crate::room::Room;
use crate::service::{Service, Token};
use crate::stats::{Counters, ReceiverStats};
use crate::{ReceiverBuilder, ServeError, ServeErrorKind};

/// The most threads that read, decode and answer.
const MOST_THREADS: usize = 4;

/// Receives OTLP until it is stopped or dropped.
///
/// Every address understands HTTP (protobuf and JSON) and gRPC, compressed by gzip, zstd or not at all.
#[derive(Debug)]
pub struct Receiver {
    http: Vec<SocketAddr>,
    grpc: Vec<SocketAddr>,
    more: Vec<SocketAddr>,
    counters: Arc<Counters>,
    end: watch::Sender<Option<Duration>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Receiver {
    /// Sets up a receiver.
    #[must_use]
    pub fn builder() -> ReceiverBuilder {
        ReceiverBuilder::default()
    }

    /// Returns the addresses that were asked for with HTTP in mind, with the ports that the system chose.
    #[must_use]
    pub fn http_addresses(&self) -> &[SocketAddr] {
        &self.http
    }

    /// Returns the addresses that were asked for with gRPC in mind.
    #[must_use]
    pub fn grpc_addresses(&self) -> &[SocketAddr] {
        &self.grpc
    }

    /// Returns the other addresses.
    #[must_use]
    pub fn more_addresses(&self) -> &[SocketAddr] {
        &self.more
    }

    /// Returns what was taken and refused so far.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.counters.stats()
    }

    /// Stops: accepts nothing more, lets requests that have begun finish within `time`, and makes everything durable.
    ///
    /// # Errors
    /// `Sink` if the sink couldn't make everything durable, `System` if a thread of the receiver has failed.
    pub fn stop(mut self, time: Duration) -> Result<ReceiverStats, ServeError> {
        self.end(time)?;
        Ok(self.stats())
    }

    fn end(&mut self, time: Duration) -> Result<(), ServeError> {
        self.end.send_replace(Some(time));
        let failed = |_| Err(ServeError::new(ServeErrorKind::System, "the part that listens has failed"));
        self.thread.take().map_or(Ok(()), |thread| thread.join().unwrap_or_else(failed))
    }
}

impl Drop for Receiver {
    /// As [`stop`](Self::stop), without time for requests that have begun.
    fn drop(&mut self) {
        // Who wants to know stops it.
        let _ = self.end(Duration::ZERO);
    }
}

/// Starts what a builder describes.
pub(crate) fn start(builder: ReceiverBuilder, sink: impl Sink) -> Result<Receiver, ServeError> {
    let has_token = builder.token.is_some();
    let tls = builder.identity.as_ref().map(crate::tls::Identity::acceptor).transpose()?;
    let listen = |place: &crate::listen::Place| place.listen(has_token);
    let http = builder.http.as_ref().map(listen).transpose()?.unwrap_or_default();
    let grpc = builder.grpc.as_ref().map(listen).transpose()?.unwrap_or_default();
    let more: Vec<TcpListener> =
        builder.more.iter().map(listen).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let addresses = |listeners: &[TcpListener]| listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let (http_addresses, grpc_addresses, more_addresses) = (addresses(&http), addresses(&grpc), addresses(&more));

    let counters = Arc::<Counters>::default();
    let notices = Notices::new(builder.tell);
    let runtime = runtime()?;
    let (intake, writing) = Intake::start(sink, Arc::clone(&counters), notices.clone(), builder.most_open_spans)?;
    let service = Arc::new(Service {
        limits: builder.limits,
        room: Room::new(builder.limits.memory_bytes, builder.limits.patience),
        intake,
        counters: Arc::clone(&counters),
        notices,
        token: builder.token.as_deref().map(Token::new),
    });
    let (end, ending) = watch::channel(None);
    let listening = Listening::new(http.into_iter().chain(grpc).chain(more).collect(), service, tls, ending);
    let thread = thread::Builder::new().name("flowglass-receive".into());
    let thread = thread.spawn(move || listen_until_end(&runtime, listening, writing));
    let thread = thread.map_err(no_threads)?;
    Ok(Receiver { http: http_addresses, grpc: grpc_addresses, more: more_addresses, counters, end, thread: Some(thread) })
}

fn runtime() -> Result<Runtime, ServeError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name("flowglass-receive").enable_io().enable_time();
    builder.build().map_err(no_threads)
}

fn no_threads(error: std::io::Error) -> ServeError {
    ServeError::new(ServeErrorKind::System, format!("can't start threads to listen with: {error}")).with_source(error)
}

fn listen_until_end(runtime: &Runtime, listening: Listening, writing: Writing) -> Result<(), ServeError> {
    let listened = runtime.block_on(listening.run());
    // All who could hand in are gone: what they handed in is written, and the thread ends.
    let written = writing.join();
    listened.and(written)
}
