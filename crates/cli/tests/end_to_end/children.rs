//! What a run's commands record themselves, by OpenTelemetry: it lands in the run.

use std::io::{Read, Write};
use std::net::TcpStream;

use flowglass::store::{SpanFilter, SqliteStore};

use crate::harness::{Home, Running};

/// A node that says where it could send to, and waits until somebody has done so in its name.
const ASKING: &str = "name = 'p'\n[[node]]\noutput = 'out'\n\
    shell = 'echo \"$OTEL_EXPORTER_OTLP_ENDPOINT $TRACEPARENT\" > asked; cat gate'\n";

/// Sends a span that the node could have sent; returns the answer's first line.
fn send(endpoint: &str, parent: &str, name: &str) -> String {
    let mut ids = parent.split('-').skip(1);
    let (trace, span) = (ids.next().unwrap(), ids.next().unwrap());
    let json = format!(
        r#"{{"resourceSpans": [{{"resource": {{"attributes": [{{"key": "service.name", "value": {{"stringValue": "child"}}}}]}},
            "scopeSpans": [{{"spans": [{{"traceId": "{trace}", "spanId": "00f067aa0ba902b7", "parentSpanId": "{span}",
            "name": "{name}", "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000000000005000"}}]}}]}}]}}"#
    );
    let mut stream = TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{json}", json.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Runs the pipeline up to where its node asks, and returns what it said.
fn ask(home: &Home) -> (Running, String, String) {
    home.fifo("gate");
    let asked = home.fifo("asked");
    let running = home.call(&["run", "p.toml"]).start();
    let said = asked.read();
    let (endpoint, parent) = said.trim().split_once(' ').unwrap();
    (running, endpoint.to_owned(), parent.to_owned())
}

fn let_go(home: &Home) {
    std::fs::write(home.path("gate"), "done\n").unwrap();
}

#[test]
fn a_childs_spans_land_in_the_run() {
    let home = Home::with(ASKING);
    let (running, endpoint, parent) = ask(&home);
    assert_eq!(send(&endpoint, &parent, "inside the child"), "HTTP/1.1 200 OK");
    let store = SqliteStore::open(&home.path(".flowglass/flowglass.db")).unwrap();
    let filter = SpanFilter { name: Some("inside the child".into()), ..SpanFilter::default() };
    assert_eq!(store.spans(&filter).unwrap().len(), 1, "what was answered is committed, though the run still runs");
    let_go(&home);
    let ended = running.end().ok();
    assert_eq!(ended.stdout, "done\n");
    assert!(ended.stderr.contains("inside the child"), "the waterfall has it: {ended}");
    let shown = home.shown();
    let spans = shown["spans"].as_array().unwrap();
    let find = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
    assert_eq!(find("inside the child")["parent_id"], find("node out")["span_id"]);
    assert!(TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).is_err(), "nobody listens after the run");
}

#[test]
fn a_child_that_has_a_place_keeps_it() {
    let own = "[[node]]\noutput = 'out'\ncommand = ['printenv', 'OTEL_EXPORTER_OTLP_ENDPOINT']\ncache = false\n";
    let home = Home::with(own);
    let ended = home.call(&["run", "p.toml"]).env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere:1").end().ok();
    assert_eq!(ended.stdout, "http://elsewhere:1\n");
    home.file("p.toml", format!("{own}env = {{ OTEL_EXPORTER_OTLP_ENDPOINT = 'http://own:2' }}\n"));
    assert_eq!(home.printed(&[]), "http://own:2\n");
}

#[test]
fn where_it_listens_is_in_no_key() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'echo \"$OTEL_EXPORTER_OTLP_ENDPOINT\" | cut -c1-17'\n");
    assert_eq!(home.printed(&[]), "http://127.0.0.1:\n");
    assert_eq!(home.json(&[])["nodes"][0]["cache_status"], "hit");
}
