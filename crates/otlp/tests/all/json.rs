//! JSON as OTLP defines it: the examples of its definition, in our words, and the corners where readers differ.

use flowglass_model::{AttributeValue, Span, SpanKind, Status};
use flowglass_otlp::{Decoded, Flaw, Limits, Signal, decode_json};

fn decode(signal: Signal, json: &str) -> Decoded {
    decode_json(signal, json.as_bytes(), Limits::default()).unwrap()
}

/// Wraps a span's fields in a request.
fn request(span: &str) -> String {
    format!(r#"{{"resourceSpans": [{{"resource": null, "scopeSpans": [{{"spans": [{span}]}}]}}]}}"#)
}

fn ids(rest: &str) -> String {
    let (trace, span) = (r#""traceId": "5B8EFFF798038103D269B633813FC60C""#, r#""spanId": "EEE19B7EC3C1B174""#);
    request(&format!("{{{trace}, {span}{rest}}}"))
}

fn span(rest: &str) -> Span {
    decode(Signal::Traces, &ids(rest)).batches[0].spans().next().unwrap().to_span()
}

#[test]
fn a_trace_as_the_definition_shows_it() {
    let decoded = decode(
        Signal::Traces,
        r#"{"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "my.service"}}]},
            "scopeSpans": [{
                "scope": {"name": "my.library", "version": "1.0.0",
                          "attributes": [{"key": "my.scope.attribute", "value": {"stringValue": "some"}}]},
                "spans": [{
                    "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
                    "parentSpanId": "EEE19B7EC3C1B173", "name": "I'm a server span",
                    "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000", "kind": 2,
                    "attributes": [{"key": "my.span.attr", "value": {"stringValue": "some value"}}]
                }]
            }]
        }]}"#,
    );
    let batch = &decoded.batches[0];
    let span = batch.spans().next().unwrap().to_span();
    assert_eq!((span.name.as_str(), span.kind, span.duration_ns), ("I'm a server span", SpanKind::Server, 1_000_000_000));
    assert_eq!(span.span_id.to_string(), "eee19b7ec3c1b174");
    assert_eq!(span.parent_id.to_string(), "eee19b7ec3c1b173");
    assert_eq!(span.scope.unwrap().version, "1.0.0");
    assert_eq!(batch.resource.attributes[0].1, "my.service".into());
    assert_eq!((decoded.unknown_fields, decoded.rejected.count()), (0, 0));
}

/// As in `examples/events.json` of the definition's repository, where the map's entries stand without `values` around them.
#[test]
fn an_event_as_the_definition_shows_it() {
    let decoded = decode(
        Signal::Logs,
        r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{
            "timeUnixNano": "1544712660300000000", "severityNumber": 9,
            "attributes": [{"key": "event.name", "value": {"stringValue": "browser.page_view"}}],
            "body": {"kvlistValue": [{"key": "type", "value": {"intValue": "0"}},
                                     {"key": "words", "value": {"arrayValue": [{"stringValue": "a"}]}}]}
        }]}]}]}"#,
    );
    let log = decoded.batches[0].logs().next().unwrap().to_log();
    let words = AttributeValue::List(vec!["a".into()]);
    assert_eq!(log.body, AttributeValue::Map(vec![("type".into(), AttributeValue::Int(0)), ("words".into(), words)]));
    assert_eq!((decoded.unknown_fields, decoded.rejected.count()), (0, 0));
    let odd = decode(Signal::Logs, r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": ["a"]}]}]}]}"#);
    assert_eq!(odd.rejected.count(), 1, "no other message is a list");
}

#[test]
fn metrics_and_logs_as_the_definition_shows_them() {
    let decoded = decode(
        Signal::Metrics,
        r#"{"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "my.counter", "unit": "1", "sum": {"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [
                {"asDouble": 5, "startTimeUnixNano": "1544712660300000000", "timeUnixNano": "1544712660300000000"}]}},
            {"name": "my.histogram", "histogram": {"aggregationTemporality": 1, "dataPoints": [
                {"count": 2, "sum": 2, "bucketCounts": [1, "1"], "explicitBounds": [1], "min": 0, "max": 2}]}},
            {"name": "my.exponential", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
                {"count": 3, "sum": 10, "scale": 0, "zeroCount": 1, "positive": {"offset": 1, "bucketCounts": ["0", 2]},
                 "min": 0, "max": 5, "zeroThreshold": 0}]}}
        ]}]}]}"#,
    );
    let metrics: Vec<_> = decoded.batches[0].metrics().map(|metric| metric.name().to_owned()).collect();
    assert_eq!(metrics, ["my.counter", "my.histogram", "my.exponential"]);
    assert_eq!(decoded.batches[0].points().len(), 3);
    let decoded = decode(
        Signal::Logs,
        r#"{"resourceLogs": [{"scopeLogs": [{"logRecords": [{
            "timeUnixNano": "1544712660300000000", "observedTimeUnixNano": "1544712660300000000", "severityNumber": 10,
            "severityText": "Information", "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174",
            "body": {"stringValue": "Example log record"}, "attributes": [
                {"key": "map", "value": {"kvlistValue": {"values": [{"key": "some", "value": {"arrayValue": {"values": [
                    {"boolValue": true}, {"intValue": "10"}, {"doubleValue": 637.704}]}}}]}}}]
        }]}]}]}"#,
    );
    let log = decoded.batches[0].logs().next().unwrap().to_log();
    assert_eq!((log.severity.0, log.body), (10, "Example log record".into()));
    let list = AttributeValue::List(vec![true.into(), 10i64.into(), 637.704.into()]);
    assert_eq!(log.attributes, [("map".into(), AttributeValue::Map(vec![("some".into(), list)]))]);
}

#[test]
fn null_is_nothing_wherever_it_stands() {
    let odd = span(r#", "parentSpanId": null, "attributes": null, "status": null, "name": null, "kind": null, "links": []"#);
    assert_eq!(odd, span(""));
    let value = |json: &str| span(&format!(r#", "attributes": [{{"key": "k", "value": {json}}}]"#)).attributes[0].1.clone();
    assert_eq!([value("null"), value("{}"), value(r#"{"stringValue": null}"#)], [const { AttributeValue::Null }; 3]);
    assert_eq!(value(r#"{"arrayValue": {}}"#), AttributeValue::List(Vec::new()));
    assert_eq!(value(r#"{"kvlistValue": {"values": null}}"#), AttributeValue::Map(Vec::new()));
}

#[test]
fn numbers_may_be_text_and_text_numbers() {
    let value = |json: &str| span(&format!(r#", "attributes": [{{"key": "k", "value": {{{json}}}}}]"#)).attributes[0].1.clone();
    assert_eq!(value(r#""intValue": 7"#), 7i64.into());
    assert_eq!(value(r#""intValue": "-9223372036854775808""#), i64::MIN.into());
    assert_eq!(value(r#""intValue": 7.0"#), 7i64.into());
    assert_eq!(value(r#""doubleValue": 1"#), 1.0.into());
    assert_eq!(value(r#""doubleValue": "-Infinity""#), f64::NEG_INFINITY.into());
    assert!(matches!(value(r#""doubleValue": "NaN""#), AttributeValue::Float(number) if number.is_nan()));
    assert_eq!(value(r#""bytesValue": "AP8=""#), AttributeValue::Bytes(vec![0, 255]));
    assert_eq!(value(r#""stringValue": """#), "".into());
    assert_eq!(span(r#", "startTimeUnixNano": 1544712660000000000"#).start_unix_ns, 1_544_712_660_000_000_000);
}

#[test]
fn names_of_others_are_unknown_and_counted() {
    let decoded = decode(Signal::Traces, &ids(r#", "trace_state": "x", "future": {"deep": [1, {"a": null}]}, "name": "kept""#));
    assert_eq!(decoded.batches[0].spans().next().unwrap().to_span().name, "kept");
    assert_eq!(decoded.unknown_fields, 2);
}

#[test]
fn an_unknown_kind_or_status_is_the_default() {
    let odd = span(r#", "kind": 17, "status": {"code": 9}"#);
    assert_eq!((odd.kind, odd.status), (SpanKind::Internal, Status::Ok));
}

#[test]
fn one_bad_span_does_not_drop_its_batch() {
    let good = r#"{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "good"}"#;
    let bad = [
        (r#"{"name": "base64", "traceId": "W47/95gDgQPSabYzgT/GDA=="}"#, Flaw::Hex),
        (r#"{"name": "word", "kind": "SPAN_KIND_SERVER"}"#, Flaw::JsonType),
        (r#"{"name": "big", "startTimeUnixNano": "99999999999999999999"}"#, Flaw::JsonType),
        (r#"{"name": "list", "attributes": 5}"#, Flaw::Json),
        (r#"{"name": "object", "status": "ok"}"#, Flaw::Json),
        (r#"{"name": "none"}"#, Flaw::TraceId),
    ];
    let spans: Vec<&str> = bad.iter().map(|(json, _)| *json).chain([good]).collect();
    let decoded = decode(Signal::Traces, &request(&spans.join(",")));
    assert_eq!(decoded.batches[0].spans().len(), 1);
    let mut named: Vec<_> = decoded.rejected.named().map(|(name, flaw)| (name.to_owned(), flaw)).collect();
    let mut wanted: Vec<_> =
        bad.iter().map(|(json, flaw)| (format!("span {:?}", json.split('"').nth(3).unwrap()), *flaw)).collect();
    named.sort_by(|one, other| one.0.cmp(&other.0));
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(named, wanted);
}

#[test]
fn what_is_no_request_is_refused_whole() {
    for json in ["", "[]", "5", "{", r#"{"resourceSpans": 5}"#, r#"{"resourceSpans": [{"scopeSpans": [5]}]}"#, "{} {}"] {
        assert_eq!(decode_json(Signal::Traces, json.as_bytes(), Limits::default()).unwrap_err().flaw(), Flaw::Json, "{json}");
    }
    assert_eq!(decode_json(Signal::Traces, b"\xff", Limits::default()).unwrap_err().flaw(), Flaw::Utf8);
    assert!(decode(Signal::Traces, "{}").batches.is_empty() && decode(Signal::Traces, "null").batches.is_empty());
}

#[test]
fn depth_is_bounded_without_a_stack_for_it() {
    let deep = |depth| {
        let value = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(depth), "]}}".repeat(depth));
        decode(Signal::Traces, &ids(&format!(r#", "name": "deep", "attributes": [{{"key": "k", "value": {value}}}]"#)))
    };
    assert_eq!(deep(32).batches[0].spans().len(), 1);
    assert_eq!(deep(100_000).rejected.count(), 1);
}
