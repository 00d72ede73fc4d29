//! Connections: accepted, served, and ended when they say nothing for too long or the receiver ends.

use std::convert::Infallible;
use std::future::pending;
use std::net::TcpListener as StdListener;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::limits::{HEADER_BYTES, HEADERS};
use crate::service::Service;
use crate::{ServeError, ServeErrorKind};

/// How much of a request of HTTP/2 may be under way before it is read.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// How much of all requests of a connection may be under way before they are read.
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// How much of a connection of HTTP/1 is read at a time.
const BUFFER_BYTES: usize = 128 << 10;
/// How long we wait where the system gives no connections.
const PAUSE: Duration = Duration::from_millis(100);

/// All that listens.
pub(crate) struct Listening {
    listeners: Vec<StdListener>,
    service: Arc<Service>,
    ending: watch::Receiver<Option<Duration>>,
}

/// What all connections share.
struct Shared {
    service: Arc<Service>,
    server: auto::Builder<TokioExecutor>,
    connections: Arc<Semaphore>,
    ending: watch::Receiver<Option<Duration>>,
}

impl Listening {
    pub(crate) fn new(listeners: Vec<StdListener>, service: Arc<Service>, ending: watch::Receiver<Option<Duration>>) -> Self {
        Self { listeners, service, ending }
    }

    /// Accepts until the end, and lets what has begun finish in the time that is given then.
    pub(crate) async fn run(mut self) -> Result<(), ServeError> {
        let limits = self.service.limits;
        let most = u32::try_from(limits.connections).unwrap_or(u32::MAX).max(1);
        let connections = Arc::new(Semaphore::new(most as usize));
        let (server, ending) = (server(&self.service), self.ending.clone());
        let shared = Arc::new(Shared { server, service: self.service, connections: Arc::clone(&connections), ending });
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let listener = TcpListener::from_std(listener).map_err(|error| {
                ServeError::new(ServeErrorKind::System, format!("can't use a socket: {error}")).with_source(error)
            })?;
            accepting.spawn(accept(listener, Arc::clone(&shared)));
        }
        // A receiver that is gone ends it, too.
        let time = self.ending.wait_for(Option::is_some).await.map_or(None, |time| *time).unwrap_or_default();
        accepting.shutdown().await;
        // All places are free when all connections have ended. Where time is up, dropping the runtime ends what is left.
        let _ = timeout(time, connections.acquire_many(most)).await;
        Ok(())
    }
}

fn server(service: &Service) -> auto::Builder<TokioExecutor> {
    let limits = &service.limits;
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_time)
        .max_headers(HEADERS)
        .max_buf_size(BUFFER_BYTES)
        .half_close(false);
    server
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(limits.idle_time / 3)
        .keep_alive_timeout(limits.idle_time / 3)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    server
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Where there is no place, this connection waits, and others in the system's queue.
                let Ok(place) = Arc::clone(&shared.connections).acquire_owned().await else { return };
                tokio::spawn(serve(stream, Arc::clone(&shared), place));
            }
            Err(error) => {
                shared.service.notices.no_connections(&error.to_string());
                sleep(PAUSE).await;
            }
        }
    }
}

/// Serves a connection until it ends, or says nothing at all, or the receiver ends.
async fn serve(stream: TcpStream, shared: Arc<Shared>, place: OwnedSemaphorePermit) {
    // Answers are written whole: waiting for more only costs time. A stream that can't be told so works too.
    let _ = stream.set_nodelay(true);
    let asked = Arc::new(AtomicBool::new(false));
    let (has_asked, service) = (Arc::clone(&asked), Arc::clone(&shared.service));
    let connection = shared.server.serve_connection(
        TokioIo::new(stream),
        service_fn(move |request| {
            has_asked.store(true, Relaxed);
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        }),
    );
    let mut ending = shared.ending.clone();
    let ending = async move { drop(ending.wait_for(Option::is_some).await) };
    let mut connection = pin!(connection);
    // How a connection ends is its peer's business: whoever sent something has its answer, or will send again.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = silence(shared.service.limits.idle_time, &asked) => {}
        () = ending => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    drop(place);
}

/// Ends when the time is over and nothing was asked: what watches for silence later is the connection itself.
async fn silence(time: Duration, asked: &AtomicBool) {
    sleep(time).await;
    if asked.load(Relaxed) {
        pending::<()>().await;
    }
}
