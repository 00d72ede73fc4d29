//! Reading the table `runs`.

use std::ops::Range;
use std::path::Path;

use flowglass_model::{Fingerprint, RunId, SpanId, Status, TraceId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::blocks::Blocks;
use super::failure::Failure;
use super::liveness::Liveness;
use super::lock::LockFolder;
use super::trace;
use crate::naming::Name;
use crate::sketch::fingerprint::{self, BEGINNING_DIGITS};
use crate::{NAMED_RUNS, RunFilter, RunRecord, SpanFilter, StoreError};

const COLUMNS: &str = "SELECT id, root, name, version, graph, status, start_unix_ns, duration_ns, span_count, \
                       error_count, nodes, cache_hits, failed, saved_ms, error, writer FROM runs";

/// Returns the runs that the filter lets through, the newest first.
pub(super) fn list(connection: &Connection, locks: &LockFolder, filter: &RunFilter) -> rusqlite::Result<Vec<RunRecord>> {
    let mut liveness = Liveness::new(connection, locks);
    // A stored `running` may have become `interrupted`: the filter sees how the run stands now.
    let stored = filter.status.map(|status| if status == Status::Interrupted { Status::Running } else { status });
    // The partial index holds all but the runs that went well, and knows only conditions that say so.
    let by_status = match filter.status {
        None => "?2 IS NULL AND ?3 IS NULL",
        Some(Status::Ok) => "status IN (?2, ?3)",
        Some(_) => "status <> 'ok' AND status IN (?2, ?3)",
    };
    let sql = format!("{COLUMNS} WHERE (?1 IS NULL OR name = ?1) AND {by_status} ORDER BY start_unix_ns DESC, id DESC");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((&filter.name, filter.status.map(Status::as_str), stored.map(Status::as_str)))?;
    let (mut runs, mut left_out) = (Vec::new(), 0);
    while runs.len() < filter.limit {
        let Some(row) = rows.next()? else { break };
        let run = record(row, &mut liveness)?;
        if filter.status.is_some_and(|status| status != run.status) {
            continue;
        }
        if left_out < filter.offset {
            left_out += 1;
        } else {
            runs.push(run);
        }
    }
    Ok(runs)
}

/// Returns up to `limit` runs that started in this time, the newest first, behind one that was returned before.
pub(super) fn page(
    connection: &Connection,
    locks: &LockFolder,
    starts_unix_ns: Range<i64>,
    behind: Option<&RunRecord>,
    limit: usize,
) -> rusqlite::Result<Vec<RunRecord>> {
    let mut liveness = Liveness::new(connection, locks);
    let (start, id) = behind.map_or((starts_unix_ns.end, Vec::new()), |run| (run.start_unix_ns, run_key(run.id)));
    let sql = format!(
        "{COLUMNS} WHERE start_unix_ns >= ?1 AND start_unix_ns <= ?2 AND (start_unix_ns, id) < (?2, ?3)
        ORDER BY start_unix_ns DESC, id DESC LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_and_then((starts_unix_ns.start, start, id, limit), |row| record(row, &mut liveness))?;
    rows.collect()
}

/// Returns the runs of a trace: one, and those that joined it.
pub(super) fn of_trace(connection: &Connection, locks: &LockFolder, trace: TraceId) -> Result<Vec<RunRecord>, Failure> {
    by_sketches(connection, locks, trace, Name::of(&trace.to_string()))
}

/// Returns the run with this id or the only one that begins so.
pub(super) fn find(connection: &Connection, path: &Path, locks: &LockFolder, id: &str) -> Result<RunRecord, StoreError> {
    let failed = |error: Failure| error.at(path, "read");
    let wanted = id.trim().to_ascii_lowercase();
    let name = Name::of(&wanted);
    let begin_so = beginning(connection, locks, name).map_err(failed)?;
    name.choose(begin_so).or_else(|several| {
        if !several.is_empty() {
            return Err(StoreError::several_runs(id, &several));
        }
        let last = list(connection, locks, &RunFilter { limit: NAMED_RUNS, ..RunFilter::default() })
            .map_err(|error| failed(error.into()))?;
        Err(StoreError::no_run(&path.display().to_string(), id, &last))
    })
}

/// Returns some of the runs that may be meant, in the order of their ids: an equal id is the first, one that began its trace before
/// those that joined it.
fn beginning(connection: &Connection, locks: &LockFolder, name: Name<'_>) -> Result<Vec<RunRecord>, Failure> {
    let is_id = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
    if !name.whole.bytes().all(is_id) {
        return Ok(Vec::new());
    }
    let mut found = match first_trace(name.trace) {
        Some(trace) => by_sketches(connection, locks, trace, name)?,
        None => by_scanning(connection, locks, name)?,
    };
    found.sort_by_cached_key(|run| run.id.to_string());
    found.dedup_by_key(|run| run.id);
    found.truncate(NAMED_RUNS);
    Ok(found)
}

/// Returns the smallest id that begins so, if sketches know ids by so many digits.
fn first_trace(digits: &str) -> Option<TraceId> {
    (digits.len() >= BEGINNING_DIGITS).then(|| format!("{digits:0<32}").parse().ok()).flatten()
}

/// Ids are random and have no index of their own: the sketches of segments know where their spans are.
fn by_sketches(connection: &Connection, locks: &LockFolder, first: TraceId, name: Name<'_>) -> Result<Vec<RunRecord>, Failure> {
    let mut blocks = Blocks::new(connection);
    let whole = name.trace.len() >= 32;
    let groups = if whole { fingerprint::of_trace(first) } else { vec![vec![fingerprint::beginning(first)]] };
    let mut roots = trace::roots_among(connection, &mut blocks, groups, |trace| trace.to_string().starts_with(name.trace))?;
    roots.extend(open_roots_from(connection, &mut blocks, first)?);
    roots.retain(|(run, _)| name.fits(*run));
    roots.sort_unstable();
    roots.dedup();
    let mut liveness = Liveness::new(connection, locks);
    let mut runs = Vec::new();
    for (run, start) in roots {
        runs.extend(at(connection, &mut liveness, run, start)?);
    }
    Ok(runs)
}

/// Returns the roots of open spans whose traces share their first digits with this one.
fn open_roots_from(connection: &Connection, blocks: &mut Blocks<'_>, first: TraceId) -> Result<Vec<(RunId, i64)>, Failure> {
    let last = {
        let mut bytes = [0xff; 16];
        bytes[..BEGINNING_DIGITS / 2].copy_from_slice(&first.to_bytes()[..BEGINNING_DIGITS / 2]);
        bytes
    };
    let mut statement = connection.prepare_cached("SELECT DISTINCT trace FROM open_span WHERE trace BETWEEN ?1 AND ?2")?;
    let traces = statement.query_map((first.to_bytes(), last), |row| row.get(0).map(TraceId::from_bytes))?;
    let mut roots = Vec::new();
    for trace in traces.collect::<rusqlite::Result<Vec<_>>>()? {
        roots.extend(trace::open_roots(connection, blocks, trace)?);
    }
    Ok(roots)
}

fn by_scanning(connection: &Connection, locks: &LockFolder, name: Name<'_>) -> Result<Vec<RunRecord>, Failure> {
    let mut liveness = Liveness::new(connection, locks);
    // Ids hold nothing above `f`, so that `g` ends the range.
    let sql = format!("{COLUMNS} WHERE run_id >= ?1 AND run_id < ?1 || 'g'");
    let mut statement = connection.prepare_cached(&sql)?;
    let runs = statement.query_and_then([name.trace], |row| record(row, &mut liveness))?;
    let fitting = runs.filter(|run| run.as_ref().map_or(true, |run| name.fits(run.id)));
    Ok(fitting.take(NAMED_RUNS).collect::<rusqlite::Result<_>>()?)
}

/// Returns a run's id as it is stored: the bytes of its trace, then those of its root if it joined the trace.
pub(super) fn run_key(run: RunId) -> Vec<u8> {
    let mut key = run.trace.to_bytes().to_vec();
    key.extend(run.joined_at.some().iter().flat_map(|root| root.to_u64().to_be_bytes()));
    key
}

/// Returns the trace of a run from its stored id.
pub(super) fn trace_of_key(key: &[u8]) -> Option<TraceId> {
    key.first_chunk().copied().map(TraceId::from_bytes)
}

/// Returns a run's id from its stored form.
pub(super) fn run_of_key(key: &[u8]) -> Option<RunId> {
    let (trace, root) = key.split_first_chunk::<16>()?;
    let joined_at = if root.is_empty() { 0 } else { u64::from_be_bytes(root.try_into().ok()?) };
    Some(RunId { trace: TraceId::from_bytes(*trace), joined_at: SpanId::from_u64(joined_at) })
}

/// Shows runs that a filter's times and status don't rule out, the newest first, down to the start that `show` says is early
/// enough.
pub(super) fn walk(
    connection: &Connection,
    liveness: &mut Liveness<'_>,
    needs: &SpanFilter,
    show: &mut dyn FnMut(RunRecord) -> i64,
) -> Result<(), Failure> {
    // The partial index holds all but the runs that went well.
    let by_status = match needs.status {
        None | Some(Status::Ok) => "",
        Some(_) => " AND status <> 'ok'",
    };
    let sql = format!("{COLUMNS} WHERE start_unix_ns >= ?1 AND start_unix_ns < ?2{by_status} ORDER BY start_unix_ns DESC");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((needs.min_start_unix_ns, needs.end_start_unix_ns))?;
    while let Some(row) = rows.next()? {
        let run = record(row, liveness)?;
        let start = run.start_unix_ns;
        if start < show(run) {
            break;
        }
    }
    Ok(())
}

/// Returns the run with this id that began then.
pub(super) fn at(
    connection: &Connection,
    liveness: &mut Liveness<'_>,
    run: RunId,
    start_unix_ns: i64,
) -> rusqlite::Result<Option<RunRecord>> {
    let sql = format!("{COLUMNS} WHERE start_unix_ns = ?1 AND id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query((start_unix_ns, run_key(run)))?;
    rows.next()?.map(|row| record(row, liveness)).transpose()
}

fn record(row: &Row<'_>, liveness: &mut Liveness<'_>) -> rusqlite::Result<RunRecord> {
    let mut run = RunRecord {
        id: read(row, 0, |value| run_of_key(value.as_blob().ok()?))?,
        root: SpanId::from_u64(row.get::<_, i64>(1)?.cast_unsigned()),
        name: row.get(2)?,
        version: row.get(3)?,
        fingerprint: row.get::<_, Option<[u8; 16]>>(4)?.map(Fingerprint::from_bytes),
        status: read(row, 5, |value| Status::from_word(value.as_str().ok()?))?,
        start_unix_ns: row.get(6)?,
        duration_ns: row.get(7)?,
        span_count: row.get(8)?,
        error_count: row.get(9)?,
        nodes: row.get(10)?,
        cache_hits: row.get(11)?,
        failed: row.get(12)?,
        saved_ms: row.get(13)?,
        error: row.get(14)?,
    };
    if run.status == Status::Running {
        let seen = liveness.of(row.get(15)?)?;
        run.status = seen.status();
        run.duration_ns = seen.duration_ns(run.start_unix_ns, run.duration_ns);
    }
    Ok(run)
}

fn read<T>(row: &Row<'_>, column: usize, parse: impl FnOnce(ValueRef<'_>) -> Option<T>) -> rusqlite::Result<T> {
    let value = row.get_ref(column)?;
    let kind = value.data_type();
    parse(value).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(column, kind, "the value is damaged".into()))
}
