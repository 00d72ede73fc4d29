//! The power is cut at every moment of a session: the store opens, is whole, and has what was acknowledged.

use std::time::Duration;

use flowglass_model::Sink;

use super::*;
use crate::Durability;
use crate::file_layer::power::Journal;

const RUNS: u8 = 6;

/// What a session was told, and when.
#[derive(Default)]
struct Told {
    /// The moments from which on runs have to be there.
    certain: Vec<(u8, usize)>,
    /// The moment from which on old runs may be gone.
    pruned: usize,
}

/// Makes a store, writes runs, merges, forgets the first half, and writes once more.
fn session(path: &Path, journal: &Journal, durability: Durability) -> Told {
    let mut told = Told::default();
    let store = SqliteStore::create_or_open(path).unwrap();
    let mut recording = Recording::new();
    let mut write = |store: &SqliteStore, runs: std::ops::RangeInclusive<u8>, days_ago: i64, told: &mut Told| {
        let mut sink = store.sink(SinkOptions { durability, ..SinkOptions::default() }).unwrap();
        for number in runs {
            let start_unix_ns = now_unix_ns() - days_ago * 86_400_000_000_000;
            let spans = [span(trace(number), 2, 1, Status::Ok), root(trace(number), 1, Status::Ok)];
            sink.write(&recording.batch(&spans.map(|span| Span { start_unix_ns, ..span }), &[])).unwrap();
            if durability == Durability::Process {
                sink.flush().unwrap();
            }
            told.certain.push((number, journal.now()));
        }
    };
    write(&store, 1..=RUNS / 2, 10, &mut told);
    store.compact().unwrap();
    write(&store, RUNS / 2 + 1..=RUNS - 1, 0, &mut told);
    told.pruned = journal.now();
    let policy = RetentionPolicy { max_age: Some(Duration::from_secs(5 * 86_400)), ..RetentionPolicy::default() };
    store.retain(&policy).unwrap();
    write(&store, RUNS..=RUNS, 0, &mut told);
    store.compact().unwrap();
    told
}

/// Says what is wrong with a store after a power cut at a moment.
fn look(path: &Path, told: &Told, moment: usize) {
    let store = SqliteStore::create_or_open(path).unwrap_or_else(|error| panic!("{moment}: {error}"));
    drop(store.sink(SinkOptions::default()).unwrap());
    assert_eq!(store.check().unwrap().problems, [], "{moment}");
    for (number, since) in told.certain.iter().filter(|(_, since)| *since <= moment) {
        let may_be_gone = moment > told.pruned && *number <= RUNS / 2;
        match store.find_run(&trace(*number).to_string()) {
            Ok(run) => assert_eq!(store.trace(&run).unwrap().len(), 2, "{moment}: run {number} is whole"),
            Err(error) => assert!(may_be_gone, "{moment}: run {number} was certain since {since}: {error}"),
        }
    }
    store.compact().unwrap();
    assert_eq!(store.check().unwrap().problems, [], "{moment}");
}

fn cut_everywhere(durability: Durability, step: usize) {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::below(folder.path());
    let told = session(&folder.path().join("flowglass.db"), &journal, durability);
    let moments = journal.now();
    journal.forget();
    assert!(moments > 100 && told.pruned > 0, "{moments} moments are there to cut the power");
    for moment in (0..=moments).step_by(step) {
        let after = tempfile::tempdir().unwrap();
        journal.cut(moment, moment as u64, after.path());
        look(&after.path().join("flowglass.db"), &told, moment);
    }
}

/// The first bytes of a new file say that it is a store before the last journal is gone: a connection that only reads could then not
/// take back what the journal says.
#[test]
fn a_power_cut_while_a_store_is_made_leaves_one_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::below(folder.path());
    SqliteStore::create_or_open(&folder.path().join("flowglass.db")).unwrap();
    let moments = journal.now();
    journal.forget();
    for (moment, seed) in (0..=moments).flat_map(|moment| [(moment, 1), (moment, 2)]) {
        let after = tempfile::tempdir().unwrap();
        journal.cut(moment, seed, after.path());
        let path = after.path().join("flowglass.db");
        if let Err(error) = SqliteStore::open(&path) {
            assert_eq!(error.kind(), StoreErrorKind::NotFound, "{moment}: {error}");
        }
        look(&path, &Told::default(), moment);
    }
}

#[test]
fn a_power_cut_costs_nothing_acknowledged() {
    cut_everywhere(Durability::Full, 5);
}

#[test]
fn a_power_cut_costs_nothing_that_was_flushed() {
    cut_everywhere(Durability::Process, 7);
}
