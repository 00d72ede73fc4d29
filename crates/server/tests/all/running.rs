//! Spans that are told of while they run, as Logfire's SDK does: kept as running, and replaced by their end.

use flowglass_model::Status;

use crate::client::{JSON, Setting, post};

const TRACE: &str = "5b8efff798038103d269b633813fc60c";

fn request(spans: &[String]) -> String {
    format!(r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{}]}}]}}]}}"#, spans.join(","))
}

/// The record that Logfire's SDK sends when the span `id` starts.
fn pending(id: &str) -> String {
    format!(
        r#"{{"traceId": "{TRACE}", "spanId": "aaaaaaaaaaaaaaaa", "parentSpanId": "{id}", "name": "work",
            "startTimeUnixNano": "1000", "endTimeUnixNano": "1000", "attributes": [
            {{"key": "logfire.span_type", "value": {{"stringValue": "pending_span"}}}},
            {{"key": "logfire.pending_parent_id", "value": {{"stringValue": "0000000000000000"}}}}]}}"#
    )
}

fn ended(id: &str) -> String {
    format!(
        r#"{{"traceId": "{TRACE}", "spanId": "{id}", "name": "work", "startTimeUnixNano": "1000", "endTimeUnixNano": "5000",
            "attributes": [{{"key": "logfire.span_type", "value": {{"stringValue": "span"}}}}]}}"#
    )
}

#[test]
fn a_real_span_replaces_the_pending_one() {
    let setting = Setting::new();
    let id = "00f067aa0ba902b7";
    assert_eq!(setting.http(post(JSON, request(&[pending(id)]))).status, 200);
    assert_eq!(setting.http(post(JSON, request(&[pending(id)]))).status, 200, "told once more");
    assert_eq!(setting.http(post(JSON, request(&[ended(id)]))).status, 200);
    let batches = setting.seen.batches();
    let opened = batches[0].opened().next().unwrap().row();
    assert_eq!((opened.span_id.to_string().as_str(), opened.status, opened.parent_id.is_none()), (id, Status::Running, true));
    assert_eq!(batches[0].spans().len(), 0, "the record itself is no span");
    assert_eq!(batches[2].closed, [(TRACE.parse().unwrap(), id.parse().unwrap())]);
    assert_eq!(batches[2].spans().next().unwrap().row().duration_ns, 4000);
    let writers: Vec<_> = batches.iter().map(|batch| (batch.writer, batch.sequence)).collect();
    assert_eq!(writers[1..], [(writers[0].0, 2), (writers[0].0, 3)], "one sender, in order");
}

#[test]
fn a_span_that_was_over_at_once_never_runs() {
    let setting = Setting::new();
    let id = "00f067aa0ba902b7";
    assert_eq!(setting.http(post(JSON, request(&[pending(id), ended(id)]))).status, 200);
    let batches = setting.seen.batches();
    assert_eq!((batches[0].opened().len(), batches[0].spans().len(), batches[0].closed.len()), (0, 1, 0));
}
