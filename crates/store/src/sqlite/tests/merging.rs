//! Merging keeps what there is, whatever happens in the middle of it.

use flowglass_model::Sink;

use super::*;
use crate::query::Query;
use crate::{SpanFilter, Store};

fn number(fixture: &Fixture, sql: &str) -> i64 {
    connection::open_writer(&fixture.path()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Fills a store with one small run a commit.
fn filled(commits: u8) -> Fixture {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    for commit in 1..=commits {
        let mut child = span(trace(commit), 1000 + u64::from(commit), u64::from(commit), Status::Ok);
        child.events = vec![event("said", i64::from(commit))];
        sink.write(&recording.batch(&[child, root(trace(commit), u64::from(commit), Status::Ok)], &[])).unwrap();
    }
    fixture
}

fn traces(fixture: &Fixture) -> Vec<Vec<Span>> {
    let runs = fixture.store.runs(&RunFilter { limit: 1000, ..RunFilter::default() }).unwrap();
    runs.iter().map(|run| fixture.store.trace(run).unwrap()).collect()
}

#[test]
fn small_commits_become_one_segment_of_few_blocks() {
    let fixture = filled(100);
    let (before, statistics) = (traces(&fixture), fixture.store.statistics(None, None).unwrap());
    fixture.store.compact().unwrap();
    assert_eq!(fixture.store.info().unwrap().segments, 1);
    assert!(number(&fixture, "SELECT count(*) FROM block") <= 4);
    assert_eq!(number(&fixture, "SELECT count(*) FROM segment"), 1, "nothing that was merged stays");
    assert_eq!(traces(&fixture), before);
    assert_eq!(fixture.store.statistics(None, None).unwrap(), statistics, "tallies are added once");
    assert_eq!(fixture.store.find_run(&trace(77).to_string()).unwrap().span_count, 2);
    assert_eq!(fixture.store.find_run(&trace(77).to_string()[..7]).unwrap().span_count, 2);
    fixture.store.compact().unwrap();
    assert_eq!(traces(&fixture), before);
}

#[test]
fn another_program_sees_the_counts_of_a_process_that_has_ended() {
    let fixture = filled(1);
    assert_eq!(number(&fixture, "SELECT sum(count) FROM rollups WHERE period_s = 60"), 2);
    let statistics = fixture.store.statistics(None, None).unwrap();
    assert_eq!(statistics.iter().map(|name| name.count).sum::<u64>(), 2, "they are counted once");
}

#[test]
fn what_a_killed_merge_left_behind_is_removed() {
    let fixture = filled(5);
    let before = traces(&fixture);
    let connection = connection::open_writer(&fixture.path()).unwrap();
    // As after a death before the swap: a segment that stands for nothing, with some of its sketches.
    connection
        .execute_batch(
            "INSERT INTO segment SELECT 900, 0, level, chunk_bits, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, x'00' FROM segment LIMIT 1;
             INSERT INTO sketch VALUES (900 << 20, x'00'), ((900 << 20) + 65536, x'00');",
        )
        .unwrap();
    assert_eq!(traces(&fixture), before, "nobody sees it");
    fixture.store.compact().unwrap();
    assert_eq!(traces(&fixture), before);
    assert_eq!(number(&fixture, "SELECT count(*) FROM segment"), 1);
    assert_eq!(number(&fixture, "SELECT count(*) FROM sketch WHERE id >> 20 = 900"), 0);
}

/// A run whose spans fill a block, the later ones in later minutes.
fn large(number: u8) -> Vec<Span> {
    let of = |id: u64| {
        let mut span = span(trace(number), id, 1, Status::Ok);
        span.start_unix_ns = i64::from(number) * 60_000_000_000 + i64::try_from(id).unwrap();
        span.attributes.push(("number".into(), i64::from(number).into()));
        span.attributes.push(("part".into(), i64::from(number / 10).into()));
        span
    };
    let mut spans: Vec<Span> = (2..=130).map(of).collect();
    spans[7].events = vec![event("said", spans[7].start_unix_ns)];
    spans.push(Span { span_type: SpanType::Pipeline, parent_id: SpanId::NONE, ..of(1) });
    spans
}

/// What a store says that zones on pages must not change.
fn answers(store: &SqliteStore) -> Vec<String> {
    let with = |key: &str, number: i64| SpanFilter { attributes: vec![(key.into(), number.into())], ..SpanFilter::default() };
    let minutes = |range: std::ops::Range<i64>| {
        let of = |minute: i64| minute * 60_000_000_000;
        SpanFilter { min_start_unix_ns: of(range.start), end_start_unix_ns: of(range.end), limit: 300, ..SpanFilter::default() }
    };
    let filters = [
        SpanFilter::default(),
        with("number", 3),
        with("part", 4),
        with("k", 9),
        SpanFilter { attributes: vec![("k".into(), "v".into())], ..minutes(30..33) },
        minutes(10..12),
    ];
    let spans = filters.iter().map(|filter| format!("{:?} {:?}", store.spans(filter), store.count_spans(filter)));
    let said = [Query::events().limit(5), Query::events().trace(trace(64))];
    let said = said.map(|query| format!("{:?}", Store::query(store, &query).map(|page| page.rows)));
    let run = |number: u8| store.find_run(&trace(number).to_string());
    let traces = [1, 64, 65, 80, 164].map(|number| run(number).map(|run| store.trace(&run)));
    spans.chain(said).chain([format!("{traces:?}")]).collect()
}

#[test]
fn a_segment_of_many_blocks_says_what_many_small_ones_do() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    for number in 1..=96 {
        sink.write(&recording.batch(&[large(number), large(number + 100)].concat(), &[])).unwrap();
    }
    let before = answers(&fixture.store);
    drop(sink);
    fixture.store.compact().unwrap();
    let zone_pages = "SELECT count(*) FROM sketch WHERE id & 0xfffff >= 65536 + 16";
    assert_eq!((fixture.store.info().unwrap().segments, number(&fixture, zone_pages)), (1, 2));
    assert_eq!(answers(&fixture.store), before);
    assert_eq!(fixture.store.check().unwrap().problems, []);
    // So many blocks lose something that it takes several turns.
    let first_half = RetentionPolicy { keep_last: Some(96), ..RetentionPolicy::default() };
    let forgotten = fixture.store.retain(&first_half).unwrap();
    assert_eq!((forgotten.runs, forgotten.spans, fixture.store.info().unwrap().spans), (96, 96 * 130, 96 * 130));
    assert!(fixture.store.find_run(&trace(3).to_string()).is_err());
    assert_eq!(fixture.store.find_run(&trace(103).to_string()).unwrap().span_count, 130);
    assert_eq!(answers(&fixture.store)[0].split(" Ok(").next(), before[0].split(" Ok(").next(), "the latest ones stay");
    assert_eq!(fixture.store.check().unwrap().problems, []);
    assert_eq!(number(&fixture, "SELECT count(*) FROM segment"), 1, "nothing that was replaced stays");
}

#[test]
fn a_program_that_ends_does_not_wait_for_a_merge() {
    let fixture = filled(5);
    let before = traces(&fixture);
    let mut connection = connection::open_writer(&fixture.path()).unwrap();
    let turn = parking_lot::Mutex::default();
    let mut turns = merge::Turns { connection: &mut connection, turn: &turn, stops: &|| true };
    merge::step(&mut turns, choice::Eagerness::Whole).unwrap();
    assert_eq!((fixture.store.info().unwrap().segments, traces(&fixture)), (5, before.clone()));
    fixture.store.compact().unwrap();
    assert_eq!((fixture.store.info().unwrap().segments, traces(&fixture)), (1, before));
    assert_eq!(number(&fixture, "SELECT count(*) FROM segment"), 1, "nothing stays of what was given up");
}

#[test]
fn only_one_merges_at_a_time() {
    let fixture = filled(5);
    let locks = LockFolder::of(&fixture.path());
    let lease = locks.lease().unwrap();
    let error = fixture.store.compact().unwrap_err();
    assert!(error.is_retryable(), "{error}");
    drop(lease);
    fixture.store.compact().unwrap();
}

#[test]
fn a_damaged_segment_is_not_merged_and_nothing_is_lost() {
    let fixture = filled(3);
    let before = traces(&fixture);
    let connection = connection::open_writer(&fixture.path()).unwrap();
    let zones: Vec<u8> = connection.query_row("SELECT zones FROM segment WHERE id = 2", [], |row| row.get(0)).unwrap();
    connection.execute("UPDATE segment SET zones = x'ff' WHERE id = 2", []).unwrap();
    assert_eq!(fixture.store.compact().unwrap_err().kind(), StoreErrorKind::Corrupt);
    connection.execute("UPDATE segment SET zones = ?1 WHERE id = 2", [zones]).unwrap();
    assert_eq!(traces(&fixture), before);
    fixture.store.compact().unwrap();
    assert_eq!(traces(&fixture), before);
}

#[test]
fn roll_ups_outlive_the_spans_and_any_shell_reads_them() {
    let fixture = filled(40);
    fixture.store.compact().unwrap();
    let connection = connection::open_writer(&fixture.path()).unwrap();
    connection.execute_batch("DELETE FROM segment; DELETE FROM block; DELETE FROM sketch;").unwrap();
    let statistics = fixture.store.statistics(None, None).unwrap();
    assert_eq!(statistics.iter().map(|name| name.count).sum::<u64>(), 80);
    assert_eq!(number(&fixture, "SELECT sum(count) FROM rollups WHERE period_s = 86400"), 80);
}

#[test]
fn a_file_that_is_gone_costs_no_more_than_it_held() {
    let fixture = filled(3);
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    sink.write(&recording.batch(&[root(trace(50), 50, Status::Ok)], &[])).unwrap();
    std::fs::remove_file(fixture.path()).unwrap();
    // Whether the file that has no name any more takes it or an error is given: the program goes on.
    let _ = sink.write(&recording.batch(&[root(trace(51), 51, Status::Ok)], &[]));
    drop(sink);
    assert_eq!(SqliteStore::open(&fixture.path()).unwrap_err().kind(), StoreErrorKind::NotFound);
}
