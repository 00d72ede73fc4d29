//! Forgetting runs by age, size and status: exactly those go, and roll-ups stay.

use std::time::Duration;

use flowglass_model::{AttributeValue, Sink};

use super::*;
use crate::NameStatistics;

const HOUR_NS: i64 = 3_600_000_000_000;

/// A run that began so many hours ago, with one child.
fn run(trace: TraceId, hours: i64, status: Status) -> [Span; 2] {
    let start_unix_ns = now_unix_ns() - hours * HOUR_NS;
    let mut child = Span { start_unix_ns, ..span(trace, 2, 1, status) };
    child.events = vec![event("said", start_unix_ns)];
    [child, Span { start_unix_ns, ..root(trace, 1, status) }]
}

/// A store of runs that began 1 to `runs` hours ago; each third failed. Batches hold five runs each.
fn filled(runs: u8) -> Fixture {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let spans: Vec<Span> = (1..=runs).rev().flat_map(|hours| run(trace(hours), hours.into(), status(hours))).collect();
    for some in spans.chunks(10) {
        sink.write(&recording.batch(some, &[])).unwrap();
    }
    fixture
}

fn status(hours: u8) -> Status {
    if hours.is_multiple_of(3) { Status::Error } else { Status::Ok }
}

fn left(fixture: &Fixture) -> Vec<u8> {
    let runs = fixture.store.runs(&RunFilter { limit: 1000, ..RunFilter::default() }).unwrap();
    for run in &runs {
        let spans = fixture.store.trace(run).unwrap();
        assert_eq!((spans.len(), spans.iter().map(|span| span.events.len()).sum::<usize>()), (2, 1), "a run is whole");
    }
    let spans = fixture.store.spans(&SpanFilter { limit: 1000, ..SpanFilter::default() }).unwrap();
    assert_eq!(spans.len(), runs.len() * 2, "nothing else is left");
    let by_attribute = SpanFilter { attributes: vec![("k".into(), "v".into())], ..SpanFilter::default() };
    assert_eq!(fixture.store.count_spans(&by_attribute).unwrap(), spans.len() as u64);
    runs.iter().map(|run| run.id.trace.to_bytes()[0]).collect()
}

fn counts(statistics: &[NameStatistics]) -> Vec<(String, u64, u64)> {
    statistics.iter().map(|name| (name.name.clone(), name.count, name.errors)).collect()
}

fn older_than(hours: u64) -> RetentionPolicy {
    let max_age = Some(Duration::from_secs(hours * 3600 - 1800));
    RetentionPolicy { max_age, ..RetentionPolicy::default() }
}

#[test]
fn old_runs_go_and_roll_ups_stay() {
    for compacted in [false, true] {
        let fixture = filled(60);
        if compacted {
            fixture.store.compact().unwrap();
        }
        let statistics = counts(&fixture.store.statistics(None, None).unwrap());
        assert_eq!(fixture.store.preview_retain(&older_than(23)).unwrap().runs, 38);
        let forgotten = fixture.store.retain(&older_than(23)).unwrap();
        assert_eq!((forgotten.runs, forgotten.spans), (38, 76));
        assert_eq!(left(&fixture), (1..=22).collect::<Vec<u8>>());
        assert_eq!(counts(&fixture.store.statistics(None, None).unwrap()), statistics);
        assert_eq!(fixture.store.find_run(&trace(30).to_string()).unwrap_err().kind(), StoreErrorKind::NotFound);
        assert_eq!(fixture.store.retain(&older_than(23)).unwrap().runs, 0);
        fixture.store.compact().unwrap();
        assert_eq!(left(&fixture), (1..=22).collect::<Vec<u8>>());
        fixture.store.retain(&older_than(1)).unwrap();
        assert_eq!((left(&fixture), fixture.store.info().unwrap().segments), (vec![], 0));
        assert_eq!(counts(&fixture.store.statistics(None, None).unwrap()), statistics);
    }
}

#[test]
fn only_runs_that_stand_as_named_go() {
    let fixture = filled(30);
    let policy = RetentionPolicy { statuses: vec![Status::Ok], ..older_than(10) };
    assert_eq!(fixture.store.retain(&policy).unwrap().runs, 14);
    assert_eq!(left(&fixture), [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 18, 21, 24, 27, 30]);
}

#[test]
fn a_store_that_is_too_large_loses_the_oldest() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    for hours in (1..=250).rev() {
        let mut spans = run(trace(hours), hours.into(), Status::Ok);
        // What does not compress, so that most of the file is spans.
        spans[0].attributes.push(("large".into(), AttributeValue::Bytes((0..4000).map(|_| fastrand::u8(..)).collect())));
        sink.write(&recording.batch(&spans, &[])).unwrap();
    }
    drop(sink);
    fixture.store.compact().unwrap();
    let before = fixture.store.info().unwrap().size_bytes;
    let most = before * 3 / 4;
    let forgotten =
        fixture.store.retain(&RetentionPolicy { max_size_bytes: Some(most), ..RetentionPolicy::default() }).unwrap();
    let after = fixture.store.info().unwrap().size_bytes;
    assert!(forgotten.size_after_bytes <= most && after <= most, "{before} {most} {after} {forgotten:?}");
    let left = left(&fixture);
    assert!(!left.is_empty() && left == (1..=left.len() as u8).collect::<Vec<_>>(), "{left:?}");
    assert_eq!(left.len() as u64 + forgotten.runs, 250);
    assert!(left.len() > 120, "no more goes than has to: {}", left.len());
}

#[test]
fn nothing_goes_without_a_limit_or_while_it_runs() {
    let fixture = filled(5);
    let mut sink = fixture.sink();
    let open = Span { start_unix_ns: now_unix_ns() - 100 * HOUR_NS, ..root(trace(200), 1, Status::Running) };
    sink.write(&Recording::new().batch(&[open], &[])).unwrap();
    assert_eq!(fixture.store.retain(&RetentionPolicy::default()).unwrap().runs, 0);
    assert_eq!(fixture.store.retain(&older_than(3)).unwrap().runs, 3);
    let runs = fixture.store.runs(&RunFilter::default()).unwrap();
    let standing: Vec<_> = runs.iter().map(|run| (run.id.trace.to_bytes()[0], run.status)).collect();
    assert_eq!(standing, [(1, Status::Ok), (2, Status::Ok), (200, Status::Running)]);
}

#[test]
fn what_a_killed_pruning_left_is_taken_by_the_next() {
    let fixture = filled(20);
    // As after a death between both: the runs are gone, and their spans are not.
    let connection = connection::open_writer(&fixture.path()).unwrap();
    connection
        .execute_batch(
            "INSERT INTO forgotten SELECT substr(id, 1, 16) FROM runs WHERE status = 'ok'; DELETE FROM runs WHERE status = 'ok'",
        )
        .unwrap();
    drop(connection);
    assert_eq!(fixture.store.retain(&RetentionPolicy::default()).unwrap().spans, 28);
    assert_eq!(left(&fixture), [3, 6, 9, 12, 15, 18]);
}

#[test]
fn what_belongs_to_no_run_goes_by_its_time() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let others = [30, 20, 10].map(|hours| run(trace(hours), hours.into(), Status::Ok)[0].clone());
    sink.write(&recording.batch(&others, &[])).unwrap();
    assert_eq!(fixture.store.retain(&RetentionPolicy { statuses: vec![Status::Ok], ..older_than(1) }).unwrap().spans, 0);
    assert_eq!(fixture.store.retain(&older_than(15)).unwrap().spans, 2);
    assert_eq!(fixture.store.spans(&SpanFilter::default()).unwrap()[0].trace_id, trace(10));
}

#[test]
fn others_write_and_read_while_runs_are_forgotten() {
    let fixture = filled(40);
    let store = &fixture.store;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut sink, mut recording) = (fixture.sink(), Recording::new());
            for number in 100..200 {
                sink.write(&recording.batch(&run(trace(number), 0, Status::Ok), &[])).unwrap();
            }
        });
        let reader = scope.spawn(|| {
            for _ in 0..20 {
                for run in store.runs(&RunFilter { limit: 10, ..RunFilter::default() }).unwrap() {
                    assert_eq!(store.trace(&run).unwrap().len(), 2, "a young run is whole");
                }
            }
        });
        for hours in (1..=20).rev() {
            store.retain(&older_than(hours)).unwrap();
        }
        writer.join().unwrap();
        reader.join().unwrap();
    });
    store.retain(&older_than(1)).unwrap();
    assert_eq!(left(&fixture).len(), 100);
    assert_eq!(store.check().unwrap().problems, []);
}

#[test]
fn the_newest_runs_stay_by_their_number() {
    let keep = |keep_last, policy: RetentionPolicy| RetentionPolicy { keep_last: Some(keep_last), ..policy };
    let fixture = filled(12);
    assert_eq!(fixture.store.retain(&keep(20, RetentionPolicy::default())).unwrap().runs, 0);
    let preview = fixture.store.preview_retain(&keep(10, RetentionPolicy::default())).unwrap();
    assert_eq!((preview.runs, preview.spans), (2, 4));
    assert!(preview.size_after_bytes < preview.size_before_bytes);
    assert_eq!(fixture.store.retain(&keep(10, RetentionPolicy::default())).unwrap().runs, 2);
    assert_eq!(left(&fixture), (1..=10).collect::<Vec<_>>());
    // An age names eight, and six of the ten stay in any case.
    assert_eq!(fixture.store.retain(&keep(6, older_than(3))).unwrap().runs, 4);
    assert_eq!(left(&fixture), (1..=6).collect::<Vec<_>>());
    let failed = RetentionPolicy { statuses: vec![Status::Error], ..RetentionPolicy::default() };
    assert_eq!(fixture.store.retain(&keep(0, failed)).unwrap().runs, 2);
    assert_eq!(left(&fixture), [1, 2, 4, 5]);
}
