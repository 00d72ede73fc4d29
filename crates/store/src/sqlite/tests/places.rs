//! Paths and files that a store must refuse, and those that it must take.

use flowglass_model::Sink;
use rusqlite::Connection;

use super::*;
use crate::RollupFilter;

fn kind_of_create(path: &Path) -> StoreErrorKind {
    SqliteStore::create_or_open(path).unwrap_err().kind()
}

fn kind_of_open(path: &Path) -> StoreErrorKind {
    SqliteStore::open(path).unwrap_err().kind()
}

#[test]
fn a_path_that_can_not_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let path = file.join("flowglass.db");
    let error = SqliteStore::create_or_open(&path).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::NotWritable);
    assert!(error.to_string().contains("flowglass.db"), "{error}");
    assert_eq!(kind_of_create(Path::new("/proc/flowglass/flowglass.db")), StoreErrorKind::NotWritable);
    assert_eq!(kind_of_open(&path), StoreErrorKind::NotFound);
}

#[test]
fn a_reader_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(kind_of_open(&folder.path().join("a.db")), StoreErrorKind::NotFound);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(kind_of_open(folder.path()), StoreErrorKind::NotOurs);
    assert_eq!(kind_of_create(folder.path()), StoreErrorKind::NotOurs);
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE runs (a); INSERT INTO runs VALUES (1)").unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "SQLite is nice, and so are notes.\n".repeat(20)).unwrap();
    for path in [other, text] {
        let before = std::fs::read(&path).unwrap();
        assert_eq!(kind_of_create(&path), StoreErrorKind::NotOurs);
        assert_eq!(kind_of_open(&path), StoreErrorKind::NotOurs);
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "and nothing is put beside it");
}

#[test]
fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    std::fs::write(&path, "").unwrap();
    assert_eq!(kind_of_open(&path), StoreErrorKind::NotFound);
    assert_eq!(SqliteStore::create_or_open(&path).unwrap().info().unwrap().runs, 0);
}

fn set_versions(path: &Path, least_reader: u32, least_writer: u32) {
    // Past the check of the version, which refuses what this has made.
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags_and_vfs(path, flags, crate::file_layer::name().unwrap()).unwrap();
    connection.pragma_update(None, "user_version", 9).unwrap();
    let sql = "UPDATE meta SET value = CASE key WHEN 'least_reader' THEN ?1 WHEN 'least_writer' THEN ?2 ELSE value END";
    connection.execute(sql, [least_reader, least_writer]).unwrap();
}

#[test]
fn a_newer_format_is_refused_where_it_says_so() {
    let fixture = Fixture::new();
    let path = fixture.path();
    set_versions(&path, 2, 9);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.info().unwrap().format_version, 9);
    assert_eq!(store.sink(SinkOptions::default()).unwrap_err().kind(), StoreErrorKind::Newer);
    set_versions(&path, 9, 9);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStore::create_or_open(&path).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("format 9")), (StoreErrorKind::Newer, true));
    assert_eq!(kind_of_open(&path), StoreErrorKind::Newer);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let fixture = Fixture::new();
    let spans: Vec<_> = (2..300).map(|id| span(trace(1), id, 1, Status::Ok)).chain([root(trace(1), 1, Status::Ok)]).collect();
    fixture.sink().write(&Recording::new().batch(&spans, &[])).unwrap();
    let path = fixture.path();
    let (run, whole) = (fixture.last_run(), copy_of(&path));
    let damaged = fixture.folder.path().join("damaged.db");
    for len in (0..whole.len()).step_by(701) {
        std::fs::write(&damaged, &whole[..len]).unwrap();
        assert!(read_all(&damaged, &run).is_err(), "cut at {len} of {}", whole.len());
    }
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        let at = rng.usize(0..bytes.len() - 64);
        bytes[at..at + 64].fill_with(|| rng.u8(..));
        std::fs::write(&damaged, &bytes).unwrap();
        // Damage in bytes that nothing uses goes unseen; all other is an error.
        let _ = read_all(&damaged, &run);
    }
}

/// Returns the bytes of the whole store in one file.
fn copy_of(path: &Path) -> Vec<u8> {
    connection::open_writer(path).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    std::fs::read(path).unwrap()
}

fn read_all(path: &Path, run: &RunRecord) -> Result<usize, StoreError> {
    let store = SqliteStore::open(path)?;
    store.info()?;
    store.runs(&RunFilter::default())?;
    store.find_run(&run.id.to_string())?;
    store.statistics(None, None)?;
    for period_minutes in [1, 60, 24 * 60] {
        crate::Store::rollups(&store, &RollupFilter { period_minutes: Some(period_minutes), ..RollupFilter::default() })?;
    }
    let attributes = vec![("k".to_owned(), "v".into())];
    store.count_spans(&SpanFilter { attributes, ..SpanFilter::default() })?;
    store.spans(&SpanFilter { name: Some("node n7".into()), ..SpanFilter::default() })?;
    Ok(store.trace(run)?.len())
}

#[test]
fn a_damaged_block_is_named_with_its_segment() {
    let fixture = Fixture::new();
    let mut sink = fixture.sink();
    sink.write(&Recording::new().batch(&[root(trace(1), 1, Status::Ok)], &[])).unwrap();
    sink.connection.execute("UPDATE block SET body = x'01020304'", []).unwrap();
    let error = fixture.store.trace(&fixture.last_run()).unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("block 1")), (StoreErrorKind::Corrupt, true));
    sink.connection.execute("UPDATE segment SET zones = x'07'", []).unwrap();
    assert_eq!(fixture.store.trace(&fixture.last_run()).unwrap_err().kind(), StoreErrorKind::Corrupt);
    sink.connection.execute("UPDATE runs SET status = 'odd'", []).unwrap();
    assert_eq!(fixture.store.runs(&RunFilter::default()).unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[test]
fn a_store_that_is_removed_or_replaced_under_its_writer_is_told() {
    let fixture = Fixture::new();
    let (mut sink, mut recording) = (fixture.sink(), Recording::new());
    let mut write = || sink.write(&recording.batch(&[root(trace(1), 1, Status::Ok)], &[]));
    write().unwrap();
    let away = fixture.folder.path().join("away.db");
    std::fs::rename(fixture.path(), &away).unwrap();
    let error = write().unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("removed or replaced"), "{error}");
    // Another store in its place is not written to by the old sink.
    let other = SqliteStore::create_or_open(&fixture.path()).unwrap();
    assert!(write().is_err());
    assert_eq!((other.info().unwrap().runs, other.check().unwrap().problems), (0, Vec::new()));
    drop(sink);
    assert_eq!(other.info().unwrap().runs, 0);
}
