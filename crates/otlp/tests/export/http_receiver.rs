//! A receiver of HTTP, with or without TLS, with answers that a test gives.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A request that arrived, decompressed.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
}

/// A receiver that runs until it is dropped.
pub(crate) struct HttpReceiver {
    /// `127.0.0.1:PORT`.
    pub(crate) place: String,
    state: Arc<State>,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    received: Mutex<Vec<Received>>,
    replies: Mutex<VecDeque<Reply>>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }
}

impl HttpReceiver {
    /// Answers with these, in order; then all is taken.
    pub(crate) fn start(replies: Vec<Reply>) -> Self {
        Self::start_with(replies, None)
    }

    pub(crate) fn start_with(replies: Vec<Reply>, tls: Option<TlsAcceptor>) -> Self {
        let state = Arc::new(State { replies: Mutex::new(replies.into()), ..State::default() });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, served, tls) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { place, state, _stop: stop }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.place)
    }

    pub(crate) fn answer_next(&self, replies: Vec<Reply>) {
        self.state.replies.lock().unwrap().extend(replies);
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Relaxed)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        std::mem::take(&mut *self.state.received.lock().unwrap())
    }
}

async fn accept(listener: std::net::TcpListener, state: Arc<State>, tls: Option<TlsAcceptor>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Relaxed);
        let (state, tls) = (Arc::clone(&state), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, state).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, state: Arc<State>) {
    let service = service_fn(|request| answer(request, Arc::clone(&state)));
    // A client that goes away is none of the receiver's business.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(Response::default()) };
    let body = plain(&head.headers, &body.to_bytes());
    state.received.lock().unwrap().push(Received { path: head.uri.path().to_owned(), headers: head.headers, body });
    let reply = state.replies.lock().unwrap().pop_front().unwrap_or_else(|| Reply::status(200));
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(reply.body.into())).unwrap())
}

fn plain(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    match headers.get("content-encoding").map(|encoding| encoding.to_str().unwrap()) {
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
            plain
        }
        Some("zstd") => zstd::stream::decode_all(body).unwrap(),
        _ => body.to_vec(),
    }
}
