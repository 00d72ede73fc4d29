//! What is answered to requests that are right, and to those that are wrong in one way.

use flowglass_model::SinkErrorKind;
use flowglass_otlp::{Response, Signal, request_to_json};
use http::{Method, Request, header};
use http_body_util::Full;

use crate::client::{JSON, PROTOBUF, Setting, builder, call, call_to, framed, gzip, post, post_to, traces, with_header};

fn json_of(request: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    request_to_json(Signal::Traces, request, &mut json).unwrap();
    json
}

#[test]
fn every_form_is_taken() {
    let setting = Setting::new();
    let body = |name| traces("shop", &[name]);
    let packed = |name| zstd::bulk::compress(&body(name), 1).unwrap();
    let http = [
        post(PROTOBUF, body("plain")),
        with_header(post(PROTOBUF, gzip(&body("gzip"))), "content-encoding", "gzip"),
        with_header(post(PROTOBUF, packed("zstd")), "content-encoding", "zstd"),
        with_header(post(PROTOBUF, body("identity")), "content-encoding", "identity"),
        post("application/json; charset=utf-8", json_of(&body("json"))),
        with_header(post(JSON, gzip(&json_of(&body("json, gzip")))), "content-encoding", "gzip"),
        post_to("/v1/traces/", PROTOBUF, body("slash")),
    ];
    for request in http {
        let kind = request.headers()[header::CONTENT_TYPE].clone();
        let answer = setting.http(request);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(&kind.to_str().unwrap()[..16], &answer.header("content-type")[..16]);
        assert_eq!(&*answer.body, if answer.header("content-type") == JSON { &b"{}"[..] } else { b"" });
    }
    let path = Signal::Traces.grpc_path();
    let grpc = [
        call(Signal::Traces, &body("grpc")),
        with_header(call_to(path, &framed(1, &gzip(&body("grpc, gzip")))), "grpc-encoding", "gzip"),
        with_header(call_to(path, &framed(1, &packed("grpc, zstd"))), "grpc-encoding", "zstd"),
        with_header(call_to(path, &framed(0, &body("grpc, not compressed"))), "grpc-encoding", "gzip"),
    ];
    for request in grpc {
        let answer = setting.grpc(request);
        assert_eq!((answer.status, answer.header("grpc-status")), (200, "0"), "{answer:?}");
        assert_eq!(&*answer.body, [0; 5]);
    }
    let names = setting.seen.span_names();
    assert_eq!(names[..7], ["plain", "gzip", "zstd", "identity", "json", "json, gzip", "slash"]);
    assert_eq!(names[7..], ["grpc", "grpc, gzip", "grpc, zstd", "grpc, not compressed"]);
    assert_eq!(setting.receiver.stats().taken.spans, 11);
}

#[test]
fn every_port_understands_both() {
    let setting = Setting::new();
    let (http, grpc) = (setting.receiver.http_addresses()[0], setting.receiver.grpc_addresses()[0]);
    let body = traces("shop", &["a"]);
    setting.runtime.block_on(async {
        assert_eq!(crate::client::http(grpc, post(PROTOBUF, body.clone())).await.status, 200);
        assert_eq!(crate::client::grpc(http, call(Signal::Traces, &body)).await.header("grpc-status"), "0");
    });
}

#[test]
fn nothing_sent_is_nothing_wrong() {
    let setting = Setting::new();
    for (path, kind, body) in [("/v1/traces", PROTOBUF, ""), ("/v1/metrics", JSON, "{}"), ("/v1/logs", PROTOBUF, "")] {
        assert_eq!(setting.http(post_to(path, kind, body)).status, 200, "{path}");
    }
    assert_eq!(setting.grpc(call(Signal::Logs, b"")).header("grpc-status"), "0");
    assert!(setting.seen.batches().is_empty());
}

#[test]
fn what_is_wrong_is_said() {
    let setting = Setting::new();
    let body = || traces("shop", &["a"]);
    let get = |path: &str| Request::get(path).header("host", "x").body(Full::default()).unwrap();
    let cases = [
        (get("/v1/traces"), 405, "POST only"),
        (get("/nonsense"), 404, "/v1/traces"),
        (post_to("/v1/spans", PROTOBUF, body()), 404, "/v1/traces"),
        (post("text/plain", body()), 415, "`text/plain`"),
        (with_header(post(PROTOBUF, body()), "content-encoding", "br"), 415, "`br`"),
        (with_header(post(PROTOBUF, body()), "content-encoding", "gzip"), 400, "can't be decompressed"),
        (post(PROTOBUF, &b"nonsense"[..]), 400, "isn't an OTLP request"),
        (post(JSON, &b"{\"resourceSpans\": 7}"[..]), 400, "isn't an OTLP request"),
        (post(JSON, &b"[]"[..]), 400, "isn't JSON as OTLP has it"),
    ];
    for (request, status, words) in cases {
        let path = request.uri().path().to_owned();
        let answer = setting.http(request);
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, status, "{path}: {body}");
        assert!(body.contains(words), "{path}: {body}");
        assert_eq!(answer.header("retry-after"), "");
    }
    let stats = setting.receiver.stats();
    assert_eq!((stats.taken_requests, stats.refused_requests, stats.postponed_requests), (0, 9, 0));
}

#[test]
fn errors_come_in_the_form_of_the_request() {
    let setting = Setting::new();
    let json = setting.http(post(JSON, &b"nonsense"[..]));
    let status: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!((json.header("content-type"), status["code"].as_i64()), (JSON, Some(3)));
    let protobuf = setting.http(post(PROTOBUF, &b"nonsense"[..]));
    assert_eq!((protobuf.header("content-type"), &protobuf.body[..2]), (PROTOBUF, &[8, 3][..]));
}

#[test]
fn calls_that_are_wrong_have_the_codes_of_grpc() {
    let setting = Setting::new();
    let path = Signal::Traces.grpc_path();
    let cases = [
        (call_to("/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export", &framed(0, b"")), "12"),
        (with_header(call_to(path, &framed(1, b"x")), "grpc-encoding", "snappy"), "12"),
        (call_to(path, &framed(0, b"nonsense")), "3"),
        (call_to(path, b""), "3"),
        (call_to(path, &framed(0, b"")[..4]), "3"),
        (call_to(path, &framed(1, b"x")), "3"),
    ];
    for (request, code) in cases {
        let answer = setting.grpc(request);
        assert_eq!((answer.status, answer.header("grpc-status")), (200, code), "{answer:?}");
        assert!(!answer.header("grpc-message").is_empty() && answer.header("content-type") == "application/grpc");
    }
}

#[test]
fn a_wrong_span_costs_itself_only() {
    let setting = Setting::new();
    let span = |name: &str, trace: &str| {
        format!(r#"{{"traceId": "{trace}", "spanId": "eee19b7ec3c1b174", "name": "{name}", "unknown": 1}}"#)
    };
    let good = span("good", "5b8efff798038103d269b633813fc60c");
    let wrong = [span("short", "5b8e"), span("none", "00000000000000000000000000000000"), span("odd", "xyz")];
    let json = format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{good}, {}]}}]}}]}}"#, wrong.join(","));
    let answer = setting.http(post(JSON, json));
    assert_eq!(answer.status, 200);
    let response = Response::decode_json(Signal::Traces, &answer.body).unwrap();
    assert_eq!(response.rejected, 3);
    for words in ["span \"short\": a trace id must have 16 bytes", "span \"none\"", "span \"odd\": an id isn't hexadecimal"] {
        assert!(response.message.contains(words), "{}", response.message);
    }
    assert_eq!(setting.seen.span_names(), ["good"]);
    let stats = setting.receiver.stats();
    assert_eq!((stats.rejected, stats.unknown_fields > 0, stats.taken_requests), (3, true, 1));
}

#[test]
fn a_sink_that_fails_says_whether_to_come_again() {
    let setting = Setting::new();
    setting.seen.fail([
        SinkErrorKind::Unavailable,
        SinkErrorKind::Permanent,
        SinkErrorKind::Unavailable,
        SinkErrorKind::Permanent,
    ]);
    let body = traces("shop", &["a"]);
    let answer = setting.http(post(PROTOBUF, body.clone()));
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    assert!(String::from_utf8_lossy(&answer.body).contains("the disk is on fire"));
    let answer = setting.http(post(PROTOBUF, body.clone()));
    assert_eq!((answer.status, answer.header("retry-after")), (500, ""));
    let answer = setting.grpc(call(Signal::Traces, &body));
    assert_eq!((answer.header("grpc-status"), answer.header("grpc-status-details-bin").is_empty()), ("14", false));
    let answer = setting.grpc(call(Signal::Traces, &body));
    assert_eq!((answer.header("grpc-status"), answer.header("grpc-status-details-bin")), ("13", ""));
    assert_eq!(setting.http(post(PROTOBUF, body)).status, 200);
    let stats = setting.receiver.stats();
    assert_eq!((stats.postponed_requests, stats.refused_requests, stats.taken.spans), (2, 2, 1));
}

#[test]
fn who_listens_here_is_said() {
    let setting = Setting::with(|builder| builder.token("secret"));
    let get = |path: &str| Request::get(path).header("host", "here:1").body(Full::default()).unwrap();
    let welcome = setting.http(get("/"));
    assert!(welcome.status == 200 && welcome.text().contains("POST /v1/traces"));
    let unknown = setting.http(get("/v1/info"));
    assert_eq!((unknown.status, unknown.text()), (401, r#"{"detail":"Unauthorized"}"#));
    let info = setting.http(with_header(get("/v1/info"), "authorization", "secret"));
    let info: serde_json::Value = serde_json::from_slice(&info.body).unwrap();
    assert_eq!(info, serde_json::json!({ "project_name": "flowglass", "project_url": "http://here:1" }));
}

#[test]
fn a_token_is_asked_for() {
    let setting = Setting::with(|builder| builder.token("secret"));
    let request = || post(PROTOBUF, traces("shop", &["a"]));
    let refused = setting.http(request());
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(setting.http(with_header(request(), "authorization", "Bearer secreT")).status, 401);
    assert_eq!(setting.grpc(call(Signal::Traces, b"")).header("grpc-status"), "16");
    for given in ["Bearer secret", "secret"] {
        assert_eq!(setting.http(with_header(request(), "authorization", given)).status, 200);
        let call = with_header(call(Signal::Traces, b""), "authorization", given);
        assert_eq!(setting.grpc(call).header("grpc-status"), "0");
    }
}

#[test]
fn a_page_in_a_browser_can_not_send() {
    let setting = Setting::new();
    let preflight = Request::builder().method(Method::OPTIONS).uri("/v1/traces").header("origin", "http://elsewhere");
    let answer = setting.http(preflight.header("host", "x").body(Full::default()).unwrap());
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, ""));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        assert_eq!(setting.http(post(kind, traces("shop", &["a"]))).status, 415, "{kind}");
    }
    assert!(setting.seen.batches().is_empty());
}

#[test]
fn notices_are_told() {
    let (sender, told) = std::sync::mpsc::channel();
    let sender = parking_lot::Mutex::new(sender);
    let receiver = builder().on_notice(move |notice| sender.lock().send(notice.to_string()).unwrap());
    let setting = Setting::with(|_| receiver);
    setting.http(post("text/plain", ""));
    assert!(told.recv().unwrap().starts_with("refused a request with 415: the content type is `text/plain`"));
    setting.seen.fail([SinkErrorKind::Permanent]);
    setting.http(post(PROTOBUF, traces("shop", &["a"])));
    assert_eq!(told.recv().unwrap(), "couldn't keep what was sent: the disk is on fire");
}
