//! OTLP over HTTP: a signal a path, in protobuf or JSON.

use std::future::ready;
use std::sync::atomic::Ordering::Relaxed;

use ::http::{HeaderMap, HeaderValue, Method, Request, Response as HttpResponse, StatusCode, header};
use bytes::Bytes;
use flowglass_otlp::{Response, Signal};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::{Answer, Form, How, Refusal, Service, encoding_in, shown};
use crate::body::ACCEPTED;

/// Answers a request for a signal.
pub(super) async fn answer(service: &Service, request: Request<Incoming>) -> Answer {
    let form = form_of(request.headers());
    match take(service, request).await {
        Ok((signal, response)) => {
            service.counters.taken_requests.fetch_add(1, Relaxed);
            success(signal, form.unwrap_or(Form::Protobuf), &response)
        }
        Err(refusal) => {
            service.note_refusal(&refusal);
            refused(&refusal, form)
        }
    }
}

async fn take(service: &Service, request: Request<Incoming>) -> Result<(Signal, Response), Refusal> {
    let signal = signal_of(request.uri().path())?;
    if request.method() != Method::POST {
        return Err(Refusal::Method("POST"));
    }
    let headers = request.headers();
    service.check_token(headers)?;
    let form = form_of(headers).ok_or_else(|| Refusal::MediaType(content_type(headers)))?;
    let how = How { form, encoding: encoding_in(headers, header::CONTENT_ENCODING)?, is_framed: false };
    Ok((signal, service.take(signal, request.into_body(), how).await?))
}

fn signal_of(path: &str) -> Result<Signal, Refusal> {
    let path = path.trim_matches('/');
    Signal::ALL.into_iter().find(|signal| signal.http_path() == path).ok_or(Refusal::NotFound)
}

/// Returns the form that the content type names. A page in somebody's browser can send neither of them elsewhere.
fn form_of(headers: &HeaderMap) -> Option<Form> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match () {
        () if kind.eq_ignore_ascii_case("application/x-protobuf") => Some(Form::Protobuf),
        () if kind.eq_ignore_ascii_case("application/protobuf") => Some(Form::Protobuf),
        () if kind.eq_ignore_ascii_case("application/json") => Some(Form::Json),
        () => None,
    }
}

fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    shown(kind.unwrap_or("nothing"))
}

fn success(signal: Signal, form: Form, response: &Response) -> Answer {
    let body = match form {
        Form::Protobuf => response.encode(),
        Form::Json => response.encode_json(signal),
    };
    with_body(StatusCode::OK, media_type(form), body)
}

fn refused(refusal: &Refusal, form: Option<Form>) -> Answer {
    let status = refusal.status();
    let code = StatusCode::from_u16(refusal.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = match form {
        Some(Form::Protobuf) => with_body(code, media_type(Form::Protobuf), status.encode()),
        Some(Form::Json) => with_body(code, media_type(Form::Json), status.encode_json()),
        None => with_body(code, "text/plain; charset=utf-8", format!("{}\n", status.message).into_bytes()),
    };
    let headers = answer.headers_mut();
    if let Some(delay) = status.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs()));
    }
    match refusal {
        Refusal::Method(allowed) => drop(headers.insert(header::ALLOW, HeaderValue::from_static(allowed))),
        Refusal::Encoding(_) => drop(headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED))),
        Refusal::Unauthorised => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        // What is left of the body is not worth reading.
        Refusal::TooLarge(_) | Refusal::Slow | Refusal::Busy | Refusal::Ending => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    answer
}

const fn media_type(form: Form) -> &'static str {
    match form {
        Form::Protobuf => "application/x-protobuf",
        Form::Json => "application/json",
    }
}

/// Makes an answer without trailers.
pub(super) fn with_body(status: StatusCode, kind: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = HttpResponse::new(Full::new(Bytes::from(body)).with_trailers(ready(None)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
