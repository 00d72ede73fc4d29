//! Open spans, the death and the return of writers, and commits that fail.

use flowglass_model::{Sink, SinkErrorKind};

use super::*;

fn count(fixture: &Fixture, table: &str) -> i64 {
    let connection = connection::open_writer(&fixture.path()).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn statuses(fixture: &Fixture) -> Vec<Status> {
    fixture.store.trace(&fixture.last_run()).unwrap().iter().map(|span| span.status).collect()
}

/// Closes a sink without a word, as the death of its process does.
fn die(mut sink: SqliteSink) {
    sink.known = Default::default();
}

#[test]
fn a_run_is_there_from_its_start_to_its_end() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let open = root(trace(1), 1, Status::Running);
    sink.write(&recording.batch(std::slice::from_ref(&open), &[])).unwrap();
    let run = fixture.last_run();
    assert_eq!((run.status, run.span_count, run.name.as_str()), (Status::Running, 0, "demo"));
    assert!(run.duration_ns > 10, "it has been seen running since");
    assert_eq!(statuses(&fixture), [Status::Running]);
    sink.write(&recording.batch(&[span(trace(1), 2, 1, Status::Error)], &[])).unwrap();
    assert_eq!(fixture.last_run().error_count, 1);
    sink.write(&recording.batch(&[root(trace(1), 1, Status::Ok)], &[&open])).unwrap();
    let run = fixture.last_run();
    assert_eq!((run.status, run.span_count, run.duration_ns), (Status::Ok, 2, 10));
    assert_eq!((count(&fixture, "open_span"), statuses(&fixture)), (0, vec![Status::Ok, Status::Error]));
}

#[test]
fn what_a_dead_writer_left_is_interrupted_until_a_real_end_comes() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let open = root(trace(1), 1, Status::Running);
    sink.write(&recording.batch(&[open.clone(), span(trace(1), 2, 1, Status::Ok)], &[])).unwrap();
    die(sink);
    let derived = fixture.last_run();
    assert_eq!(derived.status, Status::Interrupted);
    assert_eq!(statuses(&fixture), [Status::Interrupted, Status::Ok]);
    let filter = |status| RunFilter { status: Some(status), ..RunFilter::default() };
    assert_eq!(fixture.store.runs(&filter(Status::Interrupted)).unwrap().len(), 1);
    assert!(fixture.store.runs(&filter(Status::Running)).unwrap().is_empty());

    let mut next = fixture.sink();
    assert_eq!((count(&fixture, "open_span"), count(&fixture, "runs WHERE status = 'interrupted'")), (0, 1));
    let settled = fixture.last_run();
    assert_eq!((settled.span_count, settled.duration_ns), (2, derived.duration_ns));
    assert_eq!(statuses(&fixture), [Status::Interrupted, Status::Ok]);

    next.write(&recording.batch(&[root(trace(1), 1, Status::Ok)], &[&open])).unwrap();
    assert_eq!(fixture.last_run().status, Status::Ok);
    assert_eq!(statuses(&fixture), [Status::Ok, Status::Ok]);
    drop(fixture.sink());
    assert_eq!(fixture.last_run().status, Status::Ok);
}

#[test]
fn a_living_writer_is_left_alone() {
    let fixture = Fixture::new();
    let mut sink = fixture.sink();
    sink.write(&Recording::new().batch(&[root(trace(1), 1, Status::Running)], &[])).unwrap();
    let other = fixture.sink();
    assert_eq!(statuses(&fixture), [Status::Running]);
    drop(other);
    drop(sink);
    assert_eq!(statuses(&fixture), [Status::Interrupted], "its sink was closed while it ran");
    let locks = std::fs::read_dir(fixture.folder.path().join(".flowglass/flowglass.db-writers")).unwrap();
    let mut locks: Vec<_> = locks.map(|lock| lock.unwrap().file_name().into_string().unwrap()).collect();
    locks.sort();
    assert_eq!(locks, ["gate.lock", "merge.lock"], "none of a writer stays");
}

#[test]
fn spans_that_come_before_their_run_are_counted_when_it_is_known() {
    let fixture = Fixture::new();
    let (mut worker, mut recording) = (fixture.sink(), Recording::new());
    worker.write(&recording.batch(&[span(trace(1), 5, 1, Status::Error)], &[])).unwrap();
    fixture.sink().write(&Recording::new().batch(&[root(trace(1), 1, Status::Ok)], &[])).unwrap();
    assert_eq!(fixture.last_run().span_count, 1);
    worker.write(&recording.batch(&[span(trace(1), 6, 1, Status::Ok)], &[])).unwrap();
    assert_eq!((fixture.last_run().span_count, fixture.last_run().error_count), (3, 1));
    worker.write(&recording.batch(&[span(trace(2), 7, 1, Status::Ok)], &[])).unwrap();
    fixture
        .sink()
        .write(&Recording::new().batch(&[Span { start_unix_ns: 9999, ..root(trace(2), 1, Status::Ok) }], &[]))
        .unwrap();
    worker.flush().unwrap();
    assert_eq!(fixture.last_run().span_count, 2);
    drop(worker);
    assert_eq!(fixture.last_run().span_count, 2);
}

#[test]
fn a_busy_store_is_worth_trying_again_and_takes_a_batch_once() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    sink.write(&recording.batch(&[root(trace(1), 1, Status::Ok)], &[])).unwrap();
    sink.connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    let other = connection::open_writer(&fixture.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = recording.batch(&[span(trace(1), 2, 1, Status::Ok)], &[]);
    let error = sink.write(&batch).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    other.execute_batch("COMMIT").unwrap();
    sink.write(&batch).unwrap();
    // As if the answer to the last commit had been lost.
    sink.failed = vec![(batch.writer, batch.sequence)];
    sink.write(&batch).unwrap();
    assert_eq!((fixture.last_run().span_count, fixture.store.info().unwrap().segments), (2, 2));
}

#[test]
fn a_full_disk_is_named_and_costs_only_that_batch() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    sink.write(&recording.batch(&[root(trace(1), 1, Status::Ok)], &[])).unwrap();
    let pages: i64 = sink.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    sink.connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(())).unwrap();
    let mut large = span(trace(1), 2, 1, Status::Ok);
    large.status_message = (0..100_000).map(|_| fastrand::alphanumeric()).collect();
    let error = sink.write(&recording.batch(&[large], &[])).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Permanent);
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<StoreError>()).unwrap();
    assert_eq!(source.kind(), StoreErrorKind::Full);
    sink.write(&recording.batch(&[span(trace(1), 3, 1, Status::Ok)], &[])).unwrap();
    assert_eq!(fixture.store.trace(&fixture.last_run()).unwrap().len(), 2);
}

#[test]
fn extreme_values_are_stored() {
    let fixture = Fixture::new();
    let mut odd = root(trace(1), u64::MAX, Status::Ok);
    (odd.start_unix_ns, odd.duration_ns, odd.flags) = (i64::MIN, u64::MAX, !flags::IS_REMOTE);
    odd.attributes =
        vec![(conventions::NODE_COUNT.into(), (-5i64).into()), (conventions::CACHE_SAVED_MS.into(), f64::NAN.into())];
    fixture.sink().write(&Recording::new().batch(&[odd.clone()], &[])).unwrap();
    odd.attributes.pop();
    let run = fixture.last_run();
    assert_eq!((run.nodes, run.saved_ms), (0, 0.0));
    let mut found = fixture.store.trace(&run).unwrap().remove(0);
    assert!(found.attributes.pop().unwrap().1.as_f64().unwrap().is_nan());
    assert_eq!(found, odd);
}

#[test]
fn an_empty_batch_is_only_a_sign_of_life() {
    let fixture = Fixture::new();
    fixture.sink().write(&Recording::new().batch(&[], &[])).unwrap();
    assert_eq!((count(&fixture, "segment"), count(&fixture, "writer WHERE state = 'ended'")), (0, 1));
}

#[test]
fn both_durabilities_write_and_flush() {
    let fixture = Fixture::new();
    for durability in [Durability::Full, Durability::Process] {
        let mut sink = fixture.store.sink(SinkOptions { durability, ..SinkOptions::default() }).unwrap();
        sink.write(&Recording::new().batch(&[root(TraceId::random(), 1, Status::Ok)], &[])).unwrap();
        sink.flush().unwrap();
    }
    assert_eq!(fixture.store.info().unwrap().runs, 2);
}
