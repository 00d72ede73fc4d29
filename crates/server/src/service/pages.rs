//! What is there to read: who listens here, for people and for Logfire's SDK.

use ::http::{Request, StatusCode, header};
use hyper::body::Incoming;
use serde_json::json;

use super::{Answer, Service, http};

/// Answers who listens here.
pub(super) fn answer(service: &Service, request: &Request<Incoming>) -> Answer {
    match request.uri().path().trim_end_matches('/') {
        "/v1/info" => info(service, request),
        _ => http::with_body(StatusCode::OK, "text/plain; charset=utf-8", WELCOME.as_bytes().to_owned()),
    }
}

const WELCOME: &str = "\
Flowglass receives OTLP here: traces, metrics and logs.
  HTTP: POST /v1/traces, /v1/metrics, /v1/logs (protobuf or JSON; gzip or zstd)
  gRPC: the services of opentelemetry.proto.collector
Point a program at it with OTEL_EXPORTER_OTLP_ENDPOINT; look at what arrived with `flowglass show`.
";

/// Logfire's SDK asks which project a token belongs to, and shows its address.
fn info(service: &Service, request: &Request<Incoming>) -> Answer {
    if service.check_token(request.headers()).is_err() {
        let body = json!({ "detail": "Unauthorized" }).to_string();
        return http::with_body(StatusCode::UNAUTHORIZED, "application/json", body.into_bytes());
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(::http::uri::Authority::as_str)).unwrap_or("localhost");
    let body = json!({ "project_name": "flowglass", "project_url": format!("http://{host}") }).to_string();
    http::with_body(StatusCode::OK, "application/json", body.into_bytes())
}
