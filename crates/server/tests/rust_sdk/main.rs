//! The SDK of OpenTelemetry for Rust: what arrives is what it sent, field by field, for all signals over all protocols.

mod sdk;
#[path = "../clients/setting.rs"]
mod setting;
#[path = "../clients/story.rs"]
mod story;

use opentelemetry_otlp::Protocol;

use sdk::{Exporters, grpc, http, send};
use setting::Setting;

fn arrives_by(exporters: impl FnOnce(&Setting) -> Exporters) {
    let setting = Setting::new();
    let sent = send(exporters(&setting));
    story::check(&setting.take(), &sent);
}

#[test]
fn by_grpc() {
    // What connects needs a runtime around it.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _inside = runtime.enter();
    arrives_by(|setting| grpc(&setting.grpc()));
}

#[test]
fn by_http_in_protobuf() {
    arrives_by(|setting| http(&setting.http(), Protocol::HttpBinary));
}

#[test]
fn by_http_in_json() {
    arrives_by(|setting| http(&setting.http(), Protocol::HttpJson));
}
