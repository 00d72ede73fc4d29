//! Several programs on one store: they make it at once, write at once, and die.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use flowglass_model::{Sink, Span, SpanId, Status, TraceId};
use flowglass_store::conformance::Recording;
use flowglass_store::query::{Query, Select};
use flowglass_store::{PostgresOptions, PostgresStore, RollupFilter, SinkOptions, Store, StoreErrorKind};

use super::server::Server;
use super::{all, batch, open};

const ADDRESS: &str = "FLOWGLASS_TEST_SERVER";
const READY: &str = "the child has written";

#[test]
fn many_that_start_at_once_make_one_store() {
    let Some(server) = Server::start() else { return };
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open(&server, "s"));
        }
    });
    assert_eq!(server.psql("s", "SELECT count(*) = max(version) FROM schema_version").trim(), "t");
    assert_eq!(open(&server, "s").count(&Query::runs()).unwrap(), 0);
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let Some(server) = Server::start() else { return };
    let reading = PostgresStore::open(&server.address("s"), PostgresOptions::default());
    assert_eq!(reading.unwrap_err().kind(), StoreErrorKind::NotFound);
    drop(open(&server, "s"));
    PostgresStore::open(&server.address("s"), PostgresOptions::default()).unwrap();
    server.psql("s", "INSERT INTO schema_version (version) VALUES (999)");
    for opened in [PostgresStore::open, PostgresStore::create_or_open] {
        let error = opened(&server.address("s"), PostgresOptions::default()).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Newer);
        assert!(error.to_string().contains("999"), "{error}");
    }
}

#[test]
fn writers_of_the_same_traces_wait_for_each_other_in_no_circle() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut spans = 0;
    thread::scope(|scope| {
        let writers: Vec<_> = (0..6)
            .map(|seed| {
                let store = &store;
                scope.spawn(move || {
                    // All recordings have the same few traces, and the same names.
                    let (mut recording, mut spans) = (Recording::new(seed), 0);
                    let mut sink = store.sink(SinkOptions::default()).unwrap();
                    for _ in 0..15 {
                        let batch = recording.batch(20);
                        spans += batch.spans.len() as u64;
                        sink.write(&batch).unwrap();
                    }
                    spans
                })
            })
            .collect();
        spans = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    });
    let counted: u64 = store.rollups(&RollupFilter::default()).unwrap().iter().map(|rollup| rollup.count).sum();
    assert_eq!(counted, spans);
}

#[test]
fn a_span_that_comes_twice_replaces_itself() {
    let Some(server) = Server::start() else { return };
    let store = open(&server, "s");
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let span = |name: &str, status| Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(1),
        name: name.to_owned(),
        status,
        ..Span::default()
    };
    sink.write(&batch(1, 1, &[span("first", Status::Ok), span("second", Status::Ok)])).unwrap();
    sink.write(&batch(1, 2, &[span("third", Status::Error)])).unwrap();
    sink.write(&batch(1, 3, &[span("lost", Status::Interrupted)])).unwrap();
    let names = server.psql("s", "SELECT string_agg(name, ',') FROM spans");
    assert_eq!(names.trim(), "third");
}

#[test]
fn questions_share_the_connections_of_a_pool() {
    let Some(server) = Server::start() else { return };
    let store = PostgresStore::create_or_open(&(server.address("s") + "&pool_size=2"), PostgresOptions::default()).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(store.count(&Query::runs()).unwrap(), 0)));
        }
    });
    let connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flowglass'";
    let connections: u32 = server.psql("s", connections).trim().parse().unwrap();
    assert!((1..=2).contains(&connections), "{connections}");
}

/// Returns what the parent of a child named.
#[expect(clippy::disallowed_methods, reason = "the test harness of a child leaves no other way to name the store")]
fn address_of_child() -> Option<String> {
    std::env::var(ADDRESS).ok()
}

/// Writes an open span and waits to be killed. Without a parent it does nothing.
#[test]
fn child_that_opens() {
    let Some(address) = address_of_child() else { return };
    let store = PostgresStore::create_or_open(&address, PostgresOptions::default()).unwrap();
    let mut sink = store.sink(SinkOptions::default()).unwrap();
    let span = Span {
        trace_id: TraceId::from_bytes([1; 16]),
        span_id: SpanId::from_u64(1),
        status: Status::Running,
        ..Span::default()
    };
    sink.write(&batch(1, 1, &[span])).unwrap();
    println!("{READY}");
    let _ = std::io::stdin().read(&mut [0]);
}

#[test]
fn what_a_dead_process_left_is_interrupted() {
    let Some(server) = Server::start() else { return };
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["sharing::child_that_opens", "--exact", "--nocapture"])
        .env(ADDRESS, server.address("s") + "&heartbeat=500ms");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(READY)));
    let store: Arc<dyn Store> = Arc::new(open(&server, "s"));
    let with = |status| store.count(&Query::spans().status(status)).unwrap();
    // It lives, for longer than a heart that stopped would be waited for.
    let seen = |at: &str| server.psql("s", &format!("SELECT {at} FROM sink"));
    let first = seen("seen");
    while seen("seen") == first {}
    assert_eq!((with(Status::Running), with(Status::Interrupted)), (1, 0));
    child.kill().unwrap();
    child.wait().unwrap();
    while with(Status::Running) > 0 {}
    assert_eq!((with(Status::Interrupted), all(&*store, Select::Spans).len()), (1, 1));
}
