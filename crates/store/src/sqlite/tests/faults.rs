//! Each write and each flush of a session fails in turn: the store opens again, is whole, and has what was acknowledged.

use std::time::Duration;

use flowglass_model::Sink;

use super::*;
use crate::file_layer::faults::{Fault, Faults};

const RUNS: u8 = 6;
const DAY_NS: i64 = 86_400_000_000_000;

/// What a session was told.
#[derive(Default)]
struct Told {
    /// The runs that were acknowledged.
    written: Vec<u8>,
    /// Whether old runs were to be forgotten.
    pruned: bool,
}

/// Makes a store, writes runs, merges, forgets the first half, and writes once more. Whatever fails, it goes on.
fn session(path: &Path) -> Told {
    let mut told = Told::default();
    let Ok(store) = SqliteStore::create_or_open(path) else { return told };
    write(&store, 1..=RUNS / 2, 10, &mut told);
    let _ = store.compact();
    write(&store, RUNS / 2 + 1..=RUNS, 0, &mut told);
    let _ = store.compact();
    told.pruned = true;
    let policy = RetentionPolicy { max_age: Some(Duration::from_secs(5 * 86_400)), ..RetentionPolicy::default() };
    let _ = store.retain(&policy);
    let _ = store.compact();
    told
}

fn write(store: &SqliteStore, runs: std::ops::RangeInclusive<u8>, days_ago: i64, told: &mut Told) {
    let Ok(mut sink) = store.sink(SinkOptions::default()) else { return };
    let mut recording = Recording::new();
    for number in runs {
        let start_unix_ns = now_unix_ns() - days_ago * DAY_NS;
        let spans = [span(trace(number), 2, 1, Status::Ok), root(trace(number), 1, Status::Ok)];
        let spans = spans.map(|span| Span { start_unix_ns, ..span });
        if sink.write(&recording.batch(&spans, &[])).is_ok() {
            told.written.push(number);
        }
    }
}

/// Says what is wrong with a store after a session with faults.
fn look(path: &Path, told: &Told) {
    let store = SqliteStore::create_or_open(path).unwrap();
    drop(store.sink(SinkOptions::default()).unwrap());
    let check = store.check().unwrap();
    assert_eq!(check.problems, [], "{check:?}");
    for &number in &told.written {
        match store.find_run(&trace(number).to_string()) {
            Ok(run) => assert_eq!(store.trace(&run).unwrap().len(), 2, "run {number} is whole"),
            Err(error) => assert!(told.pruned && number <= RUNS / 2, "run {number} was acknowledged: {error}"),
        }
    }
    let counted: u64 = store.statistics(None, None).unwrap().iter().map(|name| name.count).sum();
    assert!(counted >= told.written.len() as u64 * 2, "roll-ups outlive the spans");
    store.compact().unwrap();
    assert_eq!(store.check().unwrap().problems, []);
}

/// Runs a session in which one call fails; returns how many calls there were and whether it came so far.
fn fail_at(call: u64, fault: Fault) -> (u64, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowglass.db");
    let faults = Faults::below(folder.path());
    faults.fail(call, fault);
    let told = session(&path);
    let healed = faults.heal();
    faults.forget();
    look(&path, &told);
    healed
}

#[test]
fn a_session_without_faults_reaches_its_end() {
    let (calls, hit) = fail_at(u64::MAX, Fault::Once);
    assert!(calls > 100 && !hit, "{calls} writes and flushes are there to fail");
    println!("{calls} calls");
}

#[test]
fn any_call_that_fails_once_costs_nothing_acknowledged() {
    for call in 0.. {
        if !fail_at(call, Fault::Once).1 {
            break;
        }
    }
}

#[test]
fn a_disk_that_goes_away_at_any_call_costs_nothing_acknowledged() {
    for call in (0..).step_by(7) {
        if !fail_at(call, Fault::FromNowOn).1 {
            break;
        }
    }
}

#[test]
fn a_disk_that_is_full_at_any_call_costs_nothing_acknowledged() {
    for call in (1..).step_by(7) {
        if !fail_at(call, Fault::NoRoom).1 {
            break;
        }
    }
}

/// Brings a store of an earlier format to today's while one call fails; says whether it came so far.
fn fail_while_the_format_is_raised(call: u64, fault: Fault) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowglass.db");
    std::fs::write(&path, include_bytes!("../../../tests/fixtures/format-3.db")).unwrap();
    let before = SqliteStore::open(&path).unwrap().info().unwrap();
    let faults = Faults::below(folder.path());
    faults.fail(call, fault);
    let mut told = Told::default();
    if let Ok(store) = SqliteStore::create_or_open(&path) {
        write(&store, 150..=150, 0, &mut told);
    }
    let (_, hit) = faults.heal();
    faults.forget();
    look(&path, &told);
    let info = SqliteStore::open(&path).unwrap().info().unwrap();
    assert!(info.runs - before.runs >= told.written.len() as u64 && info.format_version == schema::FORMAT_VERSION, "{info:?}");
    hit
}

#[test]
fn any_call_that_fails_while_the_format_is_raised_costs_nothing() {
    for fault in [Fault::Once, Fault::FromNowOn, Fault::NoRoom] {
        assert!((0..).take_while(|&call| fail_while_the_format_is_raised(call, fault)).count() > 5, "{fault:?}");
    }
}

#[test]
fn a_full_disk_is_told_and_room_lets_writing_go_on() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let faults = Faults::below(fixture.folder.path());
    // The files of this sink are open already: faults hold for those that are opened from now on.
    let mut full = fixture.store.sink(SinkOptions::default()).unwrap();
    faults.fail(0, Fault::NoRoom);
    let batch = recording.batch(&[root(trace(1), 1, Status::Ok)], &[]);
    let error = full.write(&batch).unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("free some space"), "{error}");
    faults.heal();
    full.write(&batch).unwrap();
    sink.write(&recording.batch(&[root(trace(2), 1, Status::Ok)], &[])).unwrap();
    assert_eq!(fixture.store.info().unwrap().runs, 2);
    faults.forget();
}
