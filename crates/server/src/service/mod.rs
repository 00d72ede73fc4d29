//! One request after the other: what was asked, who may ask, and the answer.

mod grpc;
mod http;
mod pages;
mod refusal;
mod token;

use std::convert::Infallible;
use std::future::Ready;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use ::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use flowglass_otlp::{DecodeError, Decoded, Flaw, Limits, Response, Signal, decode, decode_json};
use http_body_util::Full;
use http_body_util::combinators::WithTrailers;
use hyper::body::Incoming;
use tokio::time::timeout;

pub(crate) use refusal::Refusal;
pub(crate) use token::Token;

use crate::ReceiverLimits;
use crate::body::{self, Encoding};
use crate::intake::Intake;
use crate::notice::Notices;
use crate::room::{Hold, Room};
use crate::stats::Counters;

/// An answer's body; gRPC's ends with trailers.
pub(crate) type AnswerBody = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;
pub(crate) type Answer = ::http::Response<AnswerBody>;

/// What all requests share.
pub(crate) struct Service {
    pub(crate) limits: ReceiverLimits,
    pub(crate) room: Room,
    pub(crate) intake: Intake,
    pub(crate) counters: Arc<Counters>,
    pub(crate) notices: Notices,
    pub(crate) token: Option<Token>,
}

/// In which form a request came, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

impl Service {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        if grpc::is_grpc(request.headers()) {
            return grpc::answer(self, request).await;
        }
        let path = request.uri().path();
        match path.trim_end_matches('/') {
            "" | "/v1/info" if request.method() == Method::GET => pages::answer(self, &request),
            _ => http::answer(self, request).await,
        }
    }

    /// Reads, decodes and hands over what was sent; the future ends when the sink has it.
    async fn take(&self, signal: Signal, request: Incoming, how: How) -> Result<Response, Refusal> {
        let taken = timeout(self.limits.request_time, self.take_in_time(signal, request, how)).await;
        taken.unwrap_or(Err(Refusal::Slow))
    }

    async fn take_in_time(&self, signal: Signal, request: Incoming, how: How) -> Result<Response, Refusal> {
        let mut hold = self.room.hold();
        let packed = body::read(request, self.limits.body_bytes, &mut hold).await?;
        let (decoded, bytes) = if packed.len() > LARGE_BYTES {
            // Others shall be served meanwhile.
            tokio::task::block_in_place(|| self.open(signal, &packed, how, &mut hold))
        } else {
            self.open(signal, &packed, how, &mut hold)
        }?;
        drop(packed);
        hold.shrink_to(bytes);
        let response = self.note(signal, &decoded);
        if !decoded.batches.is_empty() {
            self.intake.write(decoded.batches, hold).await?;
        }
        Ok(response)
    }

    /// Unpacks and decodes a body; returns what was in it, and about how much memory that takes.
    fn open(&self, signal: Signal, packed: &[u8], how: How, hold: &mut Hold) -> Result<(Decoded, usize), Refusal> {
        let (packed, encoding) = if how.is_framed { grpc::unframe(packed, how.encoding)? } else { (packed, how.encoding) };
        let message = body::decompress(encoding, packed, self.limits.message_bytes, hold)?;
        hold.try_grow(message.len())?;
        let limits = Limits { bytes: self.limits.message_bytes, rows: self.limits.rows };
        let decoded = match how.form {
            Form::Protobuf => decode(signal, &message, limits),
            Form::Json => decode_json(signal, &message, limits),
        };
        let decoded = decoded.map_err(|error| malformed(&error))?;
        let bytes = decoded.batches.iter().map(flowglass_model::Batch::size_bytes).sum();
        Ok((decoded, bytes))
    }

    fn note(&self, signal: Signal, decoded: &Decoded) -> Response {
        self.counters.unknown_fields.fetch_add(decoded.unknown_fields, Relaxed);
        let response = Response::from(&decoded.rejected);
        if response.rejected > 0 {
            self.counters.rejected.fetch_add(response.rejected, Relaxed);
            self.notices.rejected(signal, response.rejected, &response.message);
        }
        response
    }

    /// Counts and tells that a request wasn't taken.
    fn note_refusal(&self, refusal: &Refusal) {
        let counter = match refusal.retry_after() {
            Some(_) => &self.counters.postponed_requests,
            None => &self.counters.refused_requests,
        };
        counter.fetch_add(1, Relaxed);
        // The intake tells of the sink's failures itself: once for all requests of a group.
        if !matches!(refusal, Refusal::Unavailable(_) | Refusal::Failed(_)) {
            self.notices.refused(refusal.http_status(), &refusal.message());
        }
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        match &self.token {
            Some(token) if !token.is_in(headers.get(header::AUTHORIZATION)) => Err(Refusal::Unauthorised),
            _ => Ok(()),
        }
    }
}

/// Bodies beyond this are opened where others don't wait for it.
const LARGE_BYTES: usize = 2 << 20;

/// How a request came.
#[derive(Debug, Clone, Copy)]
struct How {
    form: Form,
    encoding: Encoding,
    /// Whether it is a message of gRPC.
    is_framed: bool,
}

fn malformed(error: &DecodeError) -> Refusal {
    match error.flaw() {
        Flaw::Bytes | Flaw::Rows => Refusal::TooLarge(error.flaw().to_string()),
        _ => Refusal::Malformed(error.to_string()),
    }
}

/// Reads a header that names an encoding.
fn encoding_in(headers: &HeaderMap, name: impl header::AsHeaderName) -> Result<Encoding, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(Encoding::Identity) };
    let word = value.to_str().unwrap_or_default();
    Encoding::from_word(word).ok_or_else(|| Refusal::Encoding(shown(word)))
}

/// Returns the beginning of a text of others.
fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
