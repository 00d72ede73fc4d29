//! One connection: how it begins, how much of it may be under way, and when it ends.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::limits::{HEADER_BYTES, HEADERS};
use crate::service::Service;

/// How much of the requests of a connection of HTTP/2 may be under way before they are read, where there is room for it.
const WIDE_BYTES: u32 = 1 << 20;
/// The same where there is none: no connection may have less, says HTTP/2.
const NARROW_BYTES: u32 = 65_535;
/// How much of a connection of HTTP/1 is read at a time.
const BUFFER_BYTES: usize = 64 << 10;
/// How connections of HTTP/2 begin.
const HTTP2: &[u8] = b"PRI";

type Server = auto::Builder<TokioExecutor>;
type Ending = watch::Receiver<Option<Duration>>;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) service: Arc<Service>,
    pub(crate) connections: Arc<Semaphore>,
    wide: Server,
    narrow: Server,
    tls: Option<TlsAcceptor>,
    ending: Ending,
}

impl Shared {
    pub(crate) fn new(service: Arc<Service>, tls: Option<TlsAcceptor>, connections: Arc<Semaphore>, ending: Ending) -> Self {
        let (wide, narrow) = (server(&service, WIDE_BYTES), server(&service, NARROW_BYTES));
        Self { service, connections, wide, narrow, tls, ending }
    }
}

fn server(service: &Service, window: u32) -> Server {
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
        .initial_stream_window_size(window)
        .initial_connection_window_size(window);
    server
}

/// Serves a connection until it ends, or says nothing at all, or the receiver ends.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, place: OwnedSemaphorePermit) {
    // Answers are written whole: waiting for more only costs time. A stream that can't be told so works too.
    let _ = stream.set_nodelay(true);
    let begun = timeout(shared.service.limits.idle_time, greet(stream, shared.tls.as_ref()));
    let begun = tokio::select! {
        begun = begun => begun.ok().flatten(),
        () = end_of(&shared) => None,
    };
    match begun {
        Some(Begun::Plain(stream, is_http2)) => talk(stream, is_http2, &shared).await,
        Some(Begun::Encrypted(stream, is_http2)) => talk(stream, is_http2, &shared).await,
        None => {}
    }
    drop(place);
}

/// A connection that has said which HTTP it speaks.
enum Begun {
    Plain(TcpStream, bool),
    Encrypted(Box<tokio_rustls::server::TlsStream<TcpStream>>, bool),
}

/// Hears how a connection begins; nothing where it ends or doesn't speak TLS as it should.
async fn greet(stream: TcpStream, tls: Option<&TlsAcceptor>) -> Option<Begun> {
    if let Some(tls) = tls {
        let stream = tls.accept(stream).await.ok()?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        return Some(Begun::Encrypted(Box::new(stream), is_http2));
    }
    let mut first = [0; HTTP2.len()];
    // Who sends less at first is served, too, only with less under way.
    let length = stream.peek(&mut first).await.ok().filter(|length| *length > 0)?;
    Some(Begun::Plain(stream, &first[..length] == HTTP2))
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, is_http2: bool, shared: &Shared) {
    // Kept as long as the connection: what is under way lies in memory.
    let window = if is_http2 { shared.service.room.window(WIDE_BYTES as usize) } else { None };
    let server = if window.is_some() { &shared.wide } else { &shared.narrow };
    let asked = Arc::new(AtomicBool::new(false));
    let (has_asked, service) = (Arc::clone(&asked), Arc::clone(&shared.service));
    let connection = server.serve_connection(
        TokioIo::new(stream),
        service_fn(move |request| {
            has_asked.store(true, Relaxed);
            let service = Arc::clone(&service);
            async move { Ok::<_, Infallible>(service.answer(request).await) }
        }),
    );
    let mut connection = pin!(connection);
    // How a connection ends is its peer's business: whoever sent something has its answer, or will send again.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = silence(shared.service.limits.idle_time, &asked) => {}
        () = end_of(shared) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    drop(window);
}

/// Ends when the receiver ends.
async fn end_of(shared: &Shared) {
    let mut ending = shared.ending.clone();
    // A receiver that is gone has ended.
    drop(ending.wait_for(Option::is_some).await);
}

/// Ends when the time is over and nothing was asked: what watches for silence later is the connection itself.
async fn silence(time: Duration, asked: &AtomicBool) {
    sleep(time).await;
    if asked.load(Relaxed) {
        pending::<()>().await;
    }
}
