//! Load over gRPC.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use flowglass::otlp::Signal;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use super::Outcome;
use super::load::{Load, SPANS, Sent};

/// Sends for so long over so many connections.
pub(super) fn send(to: SocketAddr, connections: usize, time: Duration) -> Outcome<Sent> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let began = Instant::now();
    let spans = runtime.block_on(async {
        let mut senders = JoinSet::new();
        (0..connections).for_each(|_| drop(senders.spawn(send_until(to, began + time))));
        let mut spans = 0;
        while let Some(sent) = senders.join_next().await {
            spans += sent.map_err(|error| error.to_string())??;
        }
        Ok::<u64, String>(spans)
    })?;
    Ok(Sent { spans, time: began.elapsed() })
}

async fn send_until(to: SocketAddr, end: Instant) -> Result<u64, String> {
    let mut sender = connect(to).await.map_err(|error| error.to_string())?;
    let (mut load, mut spans) = (Load::new(), 0);
    while Instant::now() < end {
        call(&mut sender, load.next()).await.map_err(|error| error.to_string())?;
        spans += SPANS as u64;
    }
    Ok(spans)
}

async fn connect(to: SocketAddr) -> Outcome<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn call(sender: &mut SendRequest<Full<Bytes>>, message: &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len())?);
    framed.put_slice(message);
    let request = Request::post(format!("http://localhost{}", Signal::Traces.grpc_path()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(framed.freeze()))?;
    sender.ready().await?;
    let answer = sender.send_request(request).await?.into_body().collect().await?;
    let status = answer.trailers().and_then(|trailers| trailers.get("grpc-status")).cloned();
    match status {
        Some(status) if status == "0" => Ok(()),
        status => Err(format!("the receiver answers with status {status:?}").into()),
    }
}
