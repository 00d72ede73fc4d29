//! Days: each has a partition, and is forgotten as a whole.

use std::time::Duration;

use flowglass_model::{Sink, Span, SpanId, SpanType, Status, TraceId};
use flowglass_store::query::{Now, Query};
use flowglass_store::{RetentionPolicy, RollupFilter, SinkOptions, Store};

use super::server::Server;
use super::{batch, open};

const DAY_NS: i64 = 86_400_000_000_000;

fn run(number: u8, days_ago: i64) -> Span {
    Span {
        trace_id: TraceId::from_bytes([number; 16]),
        span_id: SpanId::from_u64(1),
        name: "pipeline demo".into(),
        span_type: SpanType::Pipeline,
        status: Status::Ok,
        start_unix_ns: Now::system().0 - days_ago * DAY_NS,
        ..Span::default()
    }
}

fn partitions(server: &Server) -> i64 {
    let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'span'::regclass";
    server.psql("s", count).trim().parse().unwrap()
}

#[test]
fn days_have_partitions_which_are_dropped_when_nothing_of_them_stays() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    assert_eq!(partitions(&server), 1);
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let span =
        |id, of: Span| Span { span_id: SpanId::from_u64(id), parent_id: SpanId::from_u64(1), span_type: SpanType::Node, ..of };
    sink.write(&batch(1, 1, &[run(1, 5), run(2, 4), span(2, run(2, 4)), run(3, 0), run(4, 4000)])).unwrap();
    // Those of the days, of today and tomorrow, and the one for all other times.
    assert_eq!(partitions(&server), 5);
    assert_eq!(server.psql("s", "SELECT count(*) FROM span_other").trim(), "1");
    let forget = RetentionPolicy { max_age: Some(Duration::from_secs(2 * 86_400)), ..RetentionPolicy::default() };
    let forgotten = store.retain(&forget).unwrap();
    assert_eq!((forgotten.runs, forgotten.spans), (3, 4));
    assert!(forgotten.size_after_bytes < forgotten.size_before_bytes);
    assert_eq!((partitions(&server), store.count(&Query::spans()).unwrap()), (3, 1));
    // What comes late finds a place, and counts and durations outlive the spans.
    sink.write(&batch(1, 2, &[run(5, 5)])).unwrap();
    assert_eq!(store.count(&Query::spans()).unwrap(), 2);
    let counted: u64 = store.rollups(&RollupFilter::default()).unwrap().iter().map(|rollup| rollup.count).sum();
    assert_eq!(counted, 6);
}

#[test]
fn a_day_stays_while_a_run_that_began_in_it_stays() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let failed = Span { status: Status::Error, ..run(1, 5) };
    sink.write(&batch(1, 1, &[failed, run(2, 5), run(3, 0)])).unwrap();
    let age = Some(Duration::from_secs(2 * 86_400));
    let well = RetentionPolicy { max_age: age, statuses: vec![Status::Ok], ..RetentionPolicy::default() };
    assert_eq!(store.retain(&well).unwrap().runs, 1);
    assert_eq!((partitions(&server), store.count(&Query::runs()).unwrap()), (4, 2));
}

#[test]
fn a_store_that_is_too_large_becomes_smaller() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    for day in 0..6 {
        let runs: Vec<Span> =
            (0..40).map(|number| Span { status_message: "x".repeat(4000), ..run(day * 40 + number, day.into()) }).collect();
        sink.write(&batch(1, u64::from(day) + 1, &runs)).unwrap();
    }
    let before = store.preview_retain(&RetentionPolicy::default()).unwrap().size_before_bytes;
    let smaller = RetentionPolicy { max_size_bytes: Some(before * 3 / 4), ..RetentionPolicy::default() };
    let forgotten = store.retain(&smaller).unwrap();
    assert!(forgotten.size_after_bytes <= before * 3 / 4, "{forgotten:?} of {before}");
    let left = store.count(&Query::runs()).unwrap();
    assert!((1..240).contains(&left), "{left}");
    assert_eq!(forgotten.runs, 240 - left);
}

#[test]
fn what_nobody_refers_to_any_more_goes_some_time_later() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let count = |table: &str| server.psql("s", &format!("SELECT count(*) FROM {table}")).trim().to_owned();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &[run(1, 5)])).unwrap();
    drop(sink);
    let forget = RetentionPolicy { max_age: Some(Duration::from_secs(2 * 86_400)), ..RetentionPolicy::default() };
    store.retain(&forget).unwrap();
    let counts = || [count("resource"), count("sink"), count("writer")];
    assert_eq!(counts(), ["1", "1", "1"]);
    let age =
        |table: &str, column: &str| server.psql("s", &format!("UPDATE {table} SET {column} = {column} - interval '31 days'"));
    age("sink", "seen");
    age("writer", "seen");
    // Who writes now is in use, however old it is.
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(2, 1, &[run(2, 0)])).unwrap();
    age("writer", "seen");
    age("resource", "used");
    store.retain(&forget).unwrap();
    assert_eq!(counts(), ["1", "1", "1"]);
    sink.write(&batch(2, 2, &[run(3, 0)])).unwrap();
    assert_eq!(store.query(&Query::runs()).unwrap().rows.len(), 2);
}
