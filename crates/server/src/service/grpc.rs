//! OTLP over gRPC: unary calls, which are one framed message over HTTP/2 and a status in the trailers.

use std::future::ready;
use std::sync::atomic::Ordering::Relaxed;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response as HttpResponse, header};
use bytes::{BufMut, Bytes, BytesMut};
use flowglass_otlp::{Response, Signal};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::{Answer, Form, How, Refusal, Service, encoding_in};
use crate::body::Encoding;

const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// What stands before a message: whether it is compressed (1 byte), and its length (4 bytes).
const FRAME_BYTES: usize = 5;

/// Says whether a request is one of gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    kind.and_then(|kind| kind.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// Answers a call.
pub(super) async fn answer(service: &Service, request: Request<Incoming>) -> Answer {
    match take(service, request).await {
        Ok(response) => {
            service.counters.taken_requests.fetch_add(1, Relaxed);
            success(&response)
        }
        Err(refusal) => {
            service.note_refusal(&refusal);
            refused(&refusal)
        }
    }
}

async fn take(service: &Service, request: Request<Incoming>) -> Result<Response, Refusal> {
    let path = request.uri().path();
    let signal = Signal::ALL.into_iter().find(|signal| signal.grpc_path() == path).ok_or(Refusal::NotFound)?;
    if request.method() != Method::POST {
        return Err(Refusal::Method("POST"));
    }
    service.check_token(request.headers())?;
    let how = How { form: Form::Protobuf, encoding: encoding_in(request.headers(), ENCODING)?, is_framed: true };
    service.take(signal, request.into_body(), how).await
}

/// Takes the message out of its frame.
pub(super) fn unframe(framed: &[u8], encoding: Encoding) -> Result<(&[u8], Encoding), Refusal> {
    let cut = || Refusal::Malformed("the call holds no whole message".to_owned());
    let (&[flag, l0, l1, l2, l3], message) = framed.split_first_chunk::<FRAME_BYTES>().ok_or_else(cut)?;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    match message.len().cmp(&length) {
        std::cmp::Ordering::Less => return Err(cut()),
        std::cmp::Ordering::Greater => return Err(Refusal::Malformed("the call holds more than one message".to_owned())),
        std::cmp::Ordering::Equal => {}
    }
    match (flag, encoding) {
        (0, _) => Ok((message, Encoding::Identity)),
        (1, Encoding::Identity) => Err(Refusal::Malformed("a message is compressed, and no header says how".to_owned())),
        (1, encoding) => Ok((message, encoding)),
        _ => Err(Refusal::Malformed("a message begins with a flag that gRPC doesn't have".to_owned())),
    }
}

fn success(response: &Response) -> Answer {
    let message = response.encode();
    let mut framed = BytesMut::with_capacity(message.len() + FRAME_BYTES);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(ready(Some(Ok(trailers))));
    with_headers(HttpResponse::new(body))
}

/// Makes an answer whose status stands in the headers, because nothing else follows.
fn refused(refusal: &Refusal) -> Answer {
    let mut answer = with_headers(HttpResponse::new(Full::new(Bytes::new()).with_trailers(ready(None))));
    let (status, headers) = (refusal.status(), answer.headers_mut());
    headers.insert(STATUS, HeaderValue::from(status.code));
    headers.extend(HeaderValue::try_from(status.grpc_message()).ok().map(|message| (MESSAGE, message)));
    headers.extend(
        status.grpc_details().and_then(|details| HeaderValue::try_from(details).ok()).map(|details| (DETAILS, details)),
    );
    answer
}

fn with_headers(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_one_whole_message() {
        let message = |framed: &'static [u8], encoding| unframe(framed, encoding);
        assert_eq!(message(&[0, 0, 0, 0, 2, 7, 8], Encoding::Gzip), Ok((&[7, 8][..], Encoding::Identity)));
        assert_eq!(message(&[1, 0, 0, 0, 1, 7], Encoding::Gzip), Ok((&[7][..], Encoding::Gzip)));
        assert_eq!(message(&[0, 0, 0, 0, 0], Encoding::Identity), Ok((&[][..], Encoding::Identity)));
        let wrong: [&[u8]; 7] = [
            &[],
            &[0, 0, 0, 0],
            &[0, 0, 0, 0, 2, 7],
            &[0, 0, 0, 0, 1, 7, 8],
            &[2, 0, 0, 0, 0],
            &[1, 0, 0, 0, 0],
            &[0, 255, 255, 255, 255],
        ];
        for wrong in wrong {
            assert!(matches!(unframe(wrong, Encoding::Identity), Err(Refusal::Malformed(_))), "{wrong:?}");
        }
    }

    #[test]
    fn only_grpc_is_grpc() {
        let is = |kind: &'static str| is_grpc(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]));
        assert!(is("application/grpc") && is("application/grpc+proto") && is("application/grpc;x=1"));
        assert!(!is("application/grpc-web") && !is("application/json"));
    }
}
