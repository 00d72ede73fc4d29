//! Forgetting while others write: a writer is held in the middle, until the one who forgets waits for it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use flowglass_model::{Sink, Span, SpanId, SpanType, Status, TraceId};
use flowglass_store::query::{Now, Query};
use flowglass_store::{RetentionPolicy, SinkOptions, Store};

use super::server::Server;
use super::{batch, open};

const DAY_NS: i64 = 86_400_000_000_000;

/// The second connection: a transaction that stays open as long as we like.
pub(crate) struct Transaction {
    child: Child,
    input: ChildStdin,
}

impl Transaction {
    /// Begins with a statement, which has been done when this returns.
    pub(crate) fn begin(server: &Server, statement: &str) -> Self {
        let mut child = server.shell("s").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "BEGIN; {statement};\n\\echo begun").unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "begun"));
        Self { child, input }
    }

    pub(crate) fn commit(mut self) {
        writeln!(self.input, "COMMIT;").unwrap();
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

fn span(trace: u8, id: u64, days_ago: i64) -> Span {
    Span {
        trace_id: TraceId::from_bytes([trace; 16]),
        span_id: SpanId::from_u64(id),
        parent_id: if id == 1 { SpanId::NONE } else { SpanId::from_u64(1) },
        span_type: if id == 1 { SpanType::Pipeline } else { SpanType::Node },
        status: Status::Ok,
        start_unix_ns: Now::system().0 - days_ago * DAY_NS,
        ..Span::default()
    }
}

/// Inserts a copy of the span of trace 1 that lies five days back, as a part of another trace.
fn copied_to(trace: u8) -> String {
    let (from, to) = (TraceId::from_bytes([1; 16]), TraceId::from_bytes([trace; 16]));
    let columns = "span_id, parent_id, name, kind, type, status, message, start_unix_ns, duration_ns, attributes, resource, written, data";
    format!(
        "INSERT INTO span (trace_id, {columns}) SELECT '{to}', {columns} FROM span WHERE trace_id = '{from}' AND span_id <> '0000000000000001'"
    )
}

fn two_days() -> RetentionPolicy {
    RetentionPolicy { max_age: Some(Duration::from_secs(2 * 86_400)), ..RetentionPolicy::default() }
}

/// Waits until the one who forgets waits for a lock that another one holds, or has waited for long enough.
fn wait_for_lock<T>(server: &Server, forgetting: &ScopedJoinHandle<'_, T>) {
    while !forgetting.is_finished() && server.psql("s", "SELECT count(*) FROM pg_locks WHERE NOT granted").trim() == "0" {}
}

#[test]
fn a_day_to_which_somebody_adds_what_stays_is_not_dropped_under_it() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    // All of the day goes: trace 1. Trace 2 stays, and has nothing in that day yet.
    sink.write(&batch(1, 1, &[span(1, 1, 5), span(1, 2, 5), span(2, 1, 0)])).unwrap();
    let writer = Transaction::begin(&server, &copied_to(2));
    thread::scope(|scope| {
        let forgetting = scope.spawn(|| store.retain(&two_days()).unwrap());
        wait_for_lock(&server, &forgetting);
        writer.commit();
        let forgotten = forgetting.join().unwrap();
        assert_eq!((forgotten.runs, forgotten.spans), (1, 2));
    });
    // What came in the middle belongs to a run that stays.
    assert_eq!(store.count(&Query::spans()).unwrap(), 2);
    assert_eq!(store.count(&Query::runs()).unwrap(), 1);
}

#[test]
fn what_goes_is_gone_whoever_adds_to_its_day_in_the_middle() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &[span(1, 1, 5), span(1, 2, 5), span(2, 1, 0)])).unwrap();
    // What is added is as old as the rest, and of no trace that stays: whether it comes too late for this time depends on how long
    // the writer holds its day.
    let writer = Transaction::begin(&server, &copied_to(3));
    thread::scope(|scope| {
        let forgetting = scope.spawn(|| store.retain(&two_days()).unwrap());
        wait_for_lock(&server, &forgetting);
        writer.commit();
        let spans = forgetting.join().unwrap().spans;
        assert!((2..=3).contains(&spans), "{spans}");
        assert_eq!(store.count(&Query::spans()).unwrap(), 4 - spans);
    });
    store.retain(&two_days()).unwrap();
    assert_eq!(store.count(&Query::spans()).unwrap(), 1);
}

#[test]
fn a_run_that_begins_while_others_are_forgotten_stays_whole() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    sink.write(&batch(1, 1, &[span(1, 1, 5), span(1, 2, 5), span(2, 1, 0)])).unwrap();
    // What is judged has been judged by then: the one who forgets waits for the row of a trace.
    let holding = format!("UPDATE trace SET spans = spans WHERE trace_id = '{}'", TraceId::from_bytes([1; 16]));
    let writer = Transaction::begin(&server, &holding);
    thread::scope(|scope| {
        let forgetting = scope.spawn(|| store.retain(&two_days()).unwrap());
        wait_for_lock(&server, &forgetting);
        let mut other = store.sink(SinkOptions::default()).unwrap();
        let running = Span { status: Status::Running, ..span(4, 1, 0) };
        other.write(&batch(2, 1, &[span(3, 1, 0), span(3, 2, 0), running])).unwrap();
        writer.commit();
        assert_eq!(forgetting.join().unwrap().runs, 1);
        // The one that runs is still there, and so is its sink.
        assert_eq!(store.count(&Query::spans().status(Status::Running)).unwrap(), 1);
    });
    assert_eq!(store.count(&Query::runs()).unwrap(), 3);
    assert_eq!(store.count(&Query::spans()).unwrap(), 4);
}
