//! A client of our own: what it sends can be as wrong as a test needs it.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use flowglass_model::{BatchBuilder, Resource, Span, SpanId, TraceId, WriterId};
use flowglass_otlp::{Signal, encode_traces};
use flowglass_server::{Receiver, ReceiverBuilder};
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::sinks::{Remember, Seen};

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).or_else(|| self.trailers.get(name));
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A receiver on ports of its own, what its sink saw, and a runtime for clients.
pub(crate) struct Setting {
    pub(crate) receiver: Receiver,
    pub(crate) seen: Seen,
    pub(crate) runtime: Runtime,
}

impl Setting {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(change: impl FnOnce(ReceiverBuilder) -> ReceiverBuilder) -> Self {
        let seen = Seen::default();
        let receiver = change(builder()).start(Remember(seen.clone())).unwrap();
        Self { receiver, seen, runtime: runtime() }
    }

    pub(crate) fn http(&self, request: Request<Full<Bytes>>) -> Answered {
        self.runtime.block_on(http(self.receiver.http_addresses()[0], request))
    }

    pub(crate) fn grpc(&self, request: Request<Full<Bytes>>) -> Answered {
        self.runtime.block_on(grpc(self.receiver.grpc_addresses()[0], request))
    }
}

pub(crate) fn builder() -> ReceiverBuilder {
    Receiver::builder().http("127.0.0.1:0").grpc("127.0.0.1:0")
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Sends a request by HTTP/1.
pub(crate) async fn http(to: SocketAddr, request: Request<Full<Bytes>>) -> Answered {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    answered(sender.send_request(request).await.unwrap()).await
}

/// Sends a request by HTTP/2.
pub(crate) async fn grpc(to: SocketAddr, request: Request<Full<Bytes>>) -> Answered {
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    answered(sender.send_request(request).await.unwrap()).await
}

async fn answered(response: http::Response<hyper::body::Incoming>) -> Answered {
    let (parts, body) = response.into_parts();
    let collected = body.collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Answered { status: parts.status.as_u16(), headers: parts.headers, body: collected.to_bytes(), trailers }
}

/// A request for traces with this body.
pub(crate) fn post(kind: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    post_to("/v1/traces", kind, body)
}

pub(crate) fn post_to(path: &str, kind: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::post(path).header(header::HOST, "localhost").header(header::CONTENT_TYPE, kind);
    request.body(Full::new(body.into())).unwrap()
}

/// A call of gRPC with this message.
pub(crate) fn call(signal: Signal, message: &[u8]) -> Request<Full<Bytes>> {
    call_to(signal.grpc_path(), &framed(0, message))
}

pub(crate) fn call_to(path: &str, framed: &[u8]) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://localhost{path}")).header(header::CONTENT_TYPE, "application/grpc");
    request.header("te", "trailers").body(Full::new(Bytes::copy_from_slice(framed))).unwrap()
}

pub(crate) fn framed(flag: u8, message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(flag);
    framed.put_u32(u32::try_from(message.len()).unwrap());
    framed.put_slice(message);
    framed.freeze()
}

pub(crate) fn with_header(mut request: Request<Full<Bytes>>, name: &'static str, value: &str) -> Request<Full<Bytes>> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A request with spans of these names, of a service of this name.
pub(crate) fn traces(service: &str, names: &[&str]) -> Vec<u8> {
    let resource = Resource { attributes: vec![("service.name".into(), service.into())], ..Resource::default() };
    let mut builder = BatchBuilder::new(WriterId::NONE, 0, Arc::new(resource));
    for name in names {
        builder.push(&Span {
            trace_id: TraceId::random(),
            span_id: SpanId::random(),
            name: (*name).to_owned(),
            start_unix_ns: 1_790_000_000_000_000_000,
            duration_ns: 5,
            ..Span::default()
        });
    }
    encode_traces(&builder.finish())
}

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";
