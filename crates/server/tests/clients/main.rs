//! The SDKs of OpenTelemetry for Python and JavaScript, Logfire's, and a collector: what arrives is what was sent, field by field.
//!
//! `cargo xtask test` installs them first; they are not there for `cargo test` alone, which leaves this program out.

mod collector;
mod everything;
mod run;
mod setting;
mod story;

use flowglass_model::Status;
use run::{node, python};
use setting::Setting;
use story::check;

#[test]
fn python_by_grpc() {
    let setting = Setting::new();
    let sent = python("send.py", &["grpc", &setting.grpc(), "none"]);
    check(&setting.batches(), &sent);
}

#[test]
fn python_by_grpc_with_gzip() {
    let setting = Setting::new();
    let sent = python("send.py", &["grpc", &setting.grpc(), "gzip"]);
    check(&setting.batches(), &sent);
}

#[test]
fn python_by_http() {
    let setting = Setting::new();
    for compression in ["none", "gzip"] {
        let sent = python("send.py", &["http/protobuf", &setting.http(), compression]);
        check(&setting.take(), &sent);
    }
}

#[test]
fn javascript_by_every_protocol() {
    let setting = Setting::new();
    for (protocol, endpoint) in [("grpc", setting.grpc()), ("http/protobuf", setting.http()), ("http/json", setting.http())] {
        for compression in ["none", "gzip"] {
            let sent = node("send.mjs", &[protocol, &endpoint, compression]);
            check(&setting.take(), &sent);
        }
    }
}

#[test]
fn logfire_unchanged() {
    let setting = Setting::new();
    let sent = python("send_logfire.py", &[&setting.http()]);
    let batches = setting.batches();
    let spans: Vec<_> = batches.iter().flat_map(|batch| batch.spans().map(|span| span.to_span()).collect::<Vec<_>>()).collect();
    let work = spans.iter().find(|span| span.name == "work {n}").unwrap();
    assert_eq!(
        (work.trace_id.to_string(), work.span_id.to_string()),
        (sent["trace_id"].as_str().unwrap().into(), sent["span_id"].as_str().unwrap().into())
    );
    assert_eq!(work.text("logfire.msg"), Some("work 7"));
    let said = spans.iter().find(|span| span.text("logfire.msg") == Some("said hello")).unwrap();
    assert_eq!(said.parent_id, work.span_id);
    // The span was told of while it ran, and its end belongs to that.
    let opened = batches.iter().flat_map(|batch| batch.opened().map(|span| span.row()).collect::<Vec<_>>());
    let opened: Vec<_> = opened.filter(|row| row.span_id == work.span_id).collect();
    assert_eq!((opened.len(), opened[0].status), (1, Status::Running));
    assert!(batches.iter().any(|batch| batch.closed.contains(&(work.trace_id, work.span_id))));
}
