//! A connection to a destination, made when there is something to send and kept while it works.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::Address;
use super::answer::{self, Answer};
use super::body::Body;
use super::destination::{Destination, Protocol};
use super::proxy::Proxy;
use super::{ExportError, tls};
use crate::Signal;

/// The most of an answer that is looked at: more than any receiver has to say.
const ANSWER_BYTES: usize = 1 << 20;

/// One destination of one signal, connected or not.
pub(super) struct Connection {
    signal: Signal,
    protocol: Protocol,
    address: Address,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
    tls: Option<Arc<ClientConfig>>,
    proxy: Option<Proxy>,
    sender: Option<Sender>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Prepares a connection; nobody is asked anything yet.
    pub(super) fn new(destination: &Destination, signal: Signal) -> Result<Self, ExportError> {
        let (address, path) = destination.target(signal)?;
        destination.check(signal)?;
        let tls = if address.is_tls { Some(tls::config(&destination.tls, destination.protocol)?) } else { None };
        let proxy = destination.proxies.for_address(&address)?;
        let is_passed_on = proxy.is_some() && tls.is_none() && destination.protocol != Protocol::Grpc;
        let mut headers = headers_of(destination, &address);
        if let (true, Some(proxy)) = (is_passed_on, &proxy) {
            proxy.authorize(&mut headers);
        }
        Ok(Self {
            signal,
            protocol: destination.protocol,
            uri: uri_of(&address, &path, is_passed_on || destination.protocol == Protocol::Grpc),
            headers,
            address,
            timeout: destination.timeout,
            tls,
            proxy,
            sender: None,
        })
    }

    /// Returns what people know the destination by.
    pub(super) fn name(&self) -> String {
        self.address.authority()
    }

    /// Sends a body; says what became of it.
    pub(super) async fn send(&mut self, body: &Body) -> Answer {
        let answer = match timeout(self.timeout, self.attempt(body)).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(why)) => why,
            Err(_) => format!("no answer within {:?}", self.timeout),
        };
        self.sender = None;
        Answer::Later { why: answer, after: None }
    }

    async fn attempt(&mut self, body: &Body) -> Result<Answer, String> {
        let request = self.request(body);
        let mut sender = match self.sender.take() {
            Some(sender) if sender.is_usable() => sender,
            _ => self.connect().await?,
        };
        let response = sender.send(request).await.map_err(|error| causes(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let collected = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(|error| causes(&*error))?;
        let trailers = collected.trailers().cloned();
        let bytes = collected.to_bytes();
        self.sender = Some(sender);
        Ok(self.meaning(body, status, &headers, trailers.as_ref(), &bytes))
    }

    /// Asks for what stands at the address; returns what a success says.
    pub(super) async fn get(&mut self) -> Result<Bytes, String> {
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let mut sender = self.connect().await?;
        let response = sender.send(request).await.map_err(|error| causes(&error))?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let collected = Limited::new(response.into_body(), ANSWER_BYTES).collect().await.map_err(|error| causes(&*error))?;
        Ok(collected.to_bytes())
    }

    fn meaning(
        &self,
        body: &Body,
        status: StatusCode,
        headers: &HeaderMap,
        trailers: Option<&HeaderMap>,
        bytes: &[u8],
    ) -> Answer {
        match self.protocol {
            Protocol::Grpc => answer::of_grpc(status, headers, trailers, bytes),
            _ => answer::of_http(self.signal, body.is_json, status, headers, bytes),
        }
    }

    fn request(&self, body: &Body) -> Request<Full<Bytes>> {
        let is_grpc = self.protocol == Protocol::Grpc;
        let content = if is_grpc { framed(body) } else { body.bytes.clone() };
        let mut request = Request::new(Full::new(content));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        let kind = match (is_grpc, body.is_json) {
            (true, _) => "application/grpc",
            (false, true) => "application/json",
            (false, false) => "application/x-protobuf",
        };
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(encoding) = body.compression.encoding() {
            let name = if is_grpc { HeaderName::from_static("grpc-encoding") } else { header::CONTENT_ENCODING };
            request.headers_mut().insert(name, HeaderValue::from_static(encoding));
        }
        request
    }

    /// Connects: directly, or by way of the proxy, which passes plain requests of HTTP/1.1 on and makes a tunnel for all else.
    async fn connect(&self) -> Result<Sender, String> {
        let (host, port) = (self.address.host.as_str(), self.address.port);
        let stream = match &self.proxy {
            None => TcpStream::connect((host, port)).await.map_err(|error| format!("can't connect: {error}"))?,
            Some(proxy) if self.uri.scheme().is_some() && self.protocol != Protocol::Grpc => proxy.connect().await?,
            Some(proxy) => {
                let to = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                return self.secure(proxy.tunnel(&to).await?).await;
            }
        };
        // Requests are written whole: waiting for more only costs time. A stream that can't be told so works too.
        let _ = stream.set_nodelay(true);
        self.secure(stream).await
    }

    async fn secure<S>(&self, stream: S) -> Result<Sender, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(config) = &self.tls else { return self.shake_hands(stream).await };
        let name =
            ServerName::try_from(self.address.host.clone()).map_err(|_| "the host's name is none that TLS knows".to_owned())?;
        let connected = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
        self.shake_hands(connected.map_err(|error| tls_failure(&error))?).await
    }

    async fn shake_hands<S>(&self, stream: S) -> Result<Sender, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        if self.protocol == Protocol::Grpc {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.map_err(|error| causes(&error))?;
            tokio::spawn(connection);
            return Ok(Sender::Http2(sender));
        }
        let (sender, connection) = http1::handshake(stream).await.map_err(|error| causes(&error))?;
        tokio::spawn(connection);
        Ok(Sender::Http1(sender))
    }
}

impl Sender {
    fn is_usable(&self) -> bool {
        match self {
            Self::Http1(sender) => sender.is_ready(),
            Self::Http2(sender) => sender.is_ready(),
        }
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<hyper::Response<Incoming>> {
        match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// Returns the message of gRPC that holds a body: whether it is compressed, its length, its bytes.
fn framed(body: &Body) -> Bytes {
    let mut framed = BytesMut::with_capacity(body.bytes.len() + 5);
    framed.put_u8(u8::from(body.compression.encoding().is_some()));
    framed.put_u32(u32::try_from(body.bytes.len()).unwrap_or(u32::MAX));
    framed.put_slice(&body.bytes);
    framed.freeze()
}

/// HTTP/1.1 sends only the path; HTTP/2, and whoever asks a proxy, the whole address.
fn uri_of(address: &Address, path: &str, is_whole: bool) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = path.parse().ok();
    if is_whole {
        parts.scheme = Some(if address.is_tls { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP });
        parts.authority = address.authority().parse().ok();
    }
    Uri::from_parts(parts).unwrap_or_default()
}

fn headers_of(destination: &Destination, address: &Address) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let agent = concat!("flowglass-otlp/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    if destination.protocol == Protocol::Grpc {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity"));
    } else if let Ok(host) = HeaderValue::from_str(&address.authority()) {
        headers.insert(header::HOST, host);
    }
    for (name, value) in &destination.headers {
        if let (Ok(name), Ok(mut value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
    headers
}

fn tls_failure(error: &std::io::Error) -> String {
    let why = causes(error);
    let hint = if why.contains("UnknownIssuer") {
        ": nobody who is trusted vouches for its certificate; if it has an authority of its own, give that as the CA file"
    } else if why.contains("InvalidMessage") || why.contains("corrupt") {
        ": it doesn't speak TLS on this port; perhaps `http://` is meant"
    } else {
        ""
    };
    format!("no TLS connection: {why}{hint}")
}

/// Returns an error with what caused it.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let further = std::iter::successors(error.source(), |error| error.source());
    further.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
