//! Runs in the form of Chrome's trace viewer, which Perfetto and its like open.
//!
//! The form is [Trace Event Format](https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU): each run is a
//! process, and its spans are slices on threads. Slices of one thread lie in one another, so that spans side by side get
//! threads of their own.

use std::collections::HashMap;

use flowglass_model::{Span, SpanEvent, SpanId};
use serde_json::{Map, Value, json};

/// Writes runs one by one.
#[derive(Debug)]
pub struct Writer {
    /// What counts as time 0, in nanoseconds since 1970 UTC.
    start_unix_ns: i64,
    runs: u64,
    records: u64,
}

impl Writer {
    /// Begins a file in which this moment, in nanoseconds since 1970 UTC, is time 0: the start of the first run.
    pub fn begin(start_unix_ns: i64, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(br#"{"displayTimeUnit":"ms","otherData":{"start_unix_ns":""#);
        out.extend_from_slice(start_unix_ns.to_string().as_bytes());
        out.extend_from_slice(br#""},"traceEvents":["#);
        Self { start_unix_ns, runs: 0, records: 0 }
    }

    /// Adds a run under a title, with its spans in any order.
    pub fn run(&mut self, title: &str, spans: &[Span], out: &mut Vec<u8>) {
        self.runs += 1;
        let process = self.runs;
        self.put(&json!({ "ph": "M", "name": "process_name", "pid": process, "args": { "name": title } }), out);
        let mut sorted: Vec<&Span> = spans.iter().collect();
        // A parent comes before its children, also where they start as it does.
        sorted.sort_by_key(|span| (span.start_unix_ns, std::cmp::Reverse(span.duration_ns)));
        let threads = threads(&sorted);
        let count = threads.iter().max().map_or(0, |last| last + 1);
        for thread in 0..count {
            let name = if thread == 0 { "main".to_owned() } else { format!("beside {thread}") };
            self.put(
                &json!({ "ph": "M", "name": "thread_name", "pid": process, "tid": thread + 1, "args": { "name": name } }),
                out,
            );
        }
        for (span, thread) in sorted.into_iter().zip(threads) {
            self.slice(span, process, thread + 1, out);
        }
    }

    /// Ends the file.
    pub fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n]}\n");
    }

    fn slice(&mut self, span: &Span, process: u64, thread: usize, out: &mut Vec<u8>) {
        let slice = json!({
            "ph": "X", "name": span.name, "cat": span.span_type.as_str(), "pid": process, "tid": thread,
            "ts": self.time(span.start_unix_ns), "dur": microseconds(i128::from(span.duration_ns)), "args": arguments(span),
        });
        self.put(&slice, out);
        for event in &span.events {
            self.instant(event, process, thread, out);
        }
    }

    fn instant(&mut self, event: &SpanEvent, process: u64, thread: usize, out: &mut Vec<u8>) {
        let instant = json!({
            "ph": "i", "s": "t", "name": event.name, "pid": process, "tid": thread, "ts": self.time(event.unix_ns),
            "args": object(&event.attributes),
        });
        self.put(&instant, out);
    }

    fn time(&self, unix_ns: i64) -> Value {
        microseconds(i128::from(unix_ns) - i128::from(self.start_unix_ns))
    }

    fn put(&mut self, record: &Value, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.records == 0 { b"\n" } else { b",\n" });
        out.extend_from_slice(record.to_string().as_bytes());
        self.records += 1;
    }
}

/// A moment or a length of time as the form wants it: in microseconds, with decimals.
#[expect(clippy::cast_precision_loss, reason = "within a hundred days of time 0 no nanosecond is lost")]
fn microseconds(ns: i128) -> Value {
    json!(ns as f64 / 1e3)
}

fn arguments(span: &Span) -> Value {
    let mut arguments = Map::new();
    arguments.insert("status".to_owned(), span.status.as_str().into());
    arguments.insert("span_id".to_owned(), span.span_id.to_string().into());
    if !span.status_message.is_empty() {
        arguments.insert("message".to_owned(), span.status_message.as_str().into());
    }
    arguments.extend(span.attributes.iter().map(|(key, value)| (key.clone(), value.to_json())));
    Value::Object(arguments)
}

fn object(attributes: &flowglass_model::Attributes) -> Value {
    Value::Object(attributes.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
}

/// Gives each span a thread, from 0: that of its parent where it fits into what is open there, else the first that is free.
/// Spans come in the order of their starts.
fn threads(spans: &[&Span]) -> Vec<usize> {
    // Of each thread, the ends of the slices that lie in one another, the innermost last.
    let mut open: Vec<Vec<i64>> = Vec::new();
    let mut of_span: HashMap<SpanId, usize> = HashMap::new();
    let mut threads = Vec::with_capacity(spans.len());
    for span in spans {
        let parent = of_span.get(&span.parent_id).copied().filter(|thread| fits(&mut open[*thread], span));
        let free = || open.iter().position(|ends| ends.last().is_none_or(|end| *end <= span.start_unix_ns && ends.len() == 1));
        let thread = parent.or_else(free).unwrap_or(open.len());
        if thread == open.len() {
            open.push(Vec::new());
        }
        close(&mut open[thread], span.start_unix_ns);
        open[thread].push(span.end_unix_ns());
        of_span.insert(span.span_id, thread);
        threads.push(thread);
    }
    threads
}

/// Says whether a span lies within the innermost slice that is still open when it starts.
fn fits(ends: &mut Vec<i64>, span: &Span) -> bool {
    close(ends, span.start_unix_ns);
    ends.last().is_none_or(|end| *end >= span.end_unix_ns())
}

fn close(ends: &mut Vec<i64>, now: i64) {
    while ends.last().is_some_and(|end| *end <= now) {
        ends.pop();
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::{SpanType, Status, TraceId};
    use proptest::prelude::*;

    use super::*;

    fn span(id: u64, parent: u64, start: i64, duration: u64) -> Span {
        Span {
            trace_id: TraceId::from_bytes([1; 16]),
            span_id: SpanId::from_u64(id),
            parent_id: SpanId::from_u64(parent),
            name: format!("node n{id}"),
            span_type: SpanType::Node,
            start_unix_ns: 1_000_000 + start,
            duration_ns: duration,
            ..Span::default()
        }
    }

    fn written(spans: &[Span]) -> Value {
        let mut out = Vec::new();
        let mut writer = Writer::begin(1_000_000, &mut out);
        writer.run("demo 01010101", spans, &mut out);
        writer.end(&mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn spans_side_by_side_get_threads_of_their_own() {
        let failed = Span {
            status: Status::Error,
            status_message: "no".into(),
            attributes: vec![("k".into(), 1i64.into())],
            events: vec![SpanEvent { name: "exception".into(), unix_ns: 1_002_500, ..SpanEvent::default() }],
            ..span(3, 1, 2_000, 1_000)
        };
        let trace = written(&[span(1, 0, 0, 5_000), span(2, 1, 1_000, 3_000), failed]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&trace).unwrap());
    }

    #[test]
    fn a_file_without_runs_is_one_too() {
        let mut out = Vec::new();
        Writer::begin(0, &mut out).end(&mut out);
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["traceEvents"], json!([]));
    }

    proptest! {
        /// What viewers ask for: slices of one thread lie in one another, or behind each other.
        #[test]
        fn slices_of_a_thread_never_cross(spans in prop::collection::vec((0..20u64, 0..50i64, 0..30u64), 0..40)) {
            let spans: Vec<Span> = (1..).zip(spans).map(|(id, (parent, start, duration))| span(id, parent, start, duration)).collect();
            let trace = written(&spans);
            let slices: Vec<&Value> = trace["traceEvents"].as_array().unwrap().iter().filter(|record| record["ph"] == "X").collect();
            prop_assert_eq!(slices.len(), spans.len());
            let bounds = |slice: &Value| {
                let start = (slice["ts"].as_f64().unwrap() * 1e3).round();
                (slice["tid"].clone(), start, start + (slice["dur"].as_f64().unwrap() * 1e3).round())
            };
            for (at, one) in slices.iter().enumerate() {
                for other in &slices[at + 1..] {
                    let ((thread, start, end), (other_thread, other_start, other_end)) = (bounds(one), bounds(other));
                    let apart = end <= other_start || other_end <= start;
                    let nested = start <= other_start && other_end <= end || other_start <= start && end <= other_end;
                    prop_assert!(thread != other_thread || apart || nested, "{} {}", one, other);
                }
            }
        }
    }
}
