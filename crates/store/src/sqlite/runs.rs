//! Reading the table `runs`.

use std::path::Path;

use flowglass_model::{RunId, SpanId, Status};
use rusqlite::types::Type;
use rusqlite::{Row, Transaction};

use super::liveness::Liveness;
use super::lock::LockFolder;
use crate::{RunFilter, RunRecord, StoreError, StoreErrorKind};

const COLUMNS: &str = "SELECT run_id, root_span, name, version, fingerprint, status, start_unix_ns, duration_ns, span_count, \
                       error_count, nodes, cache_hits, failed, saved_ms, error, writer FROM runs";

/// How many runs an error message names.
const NAMED_RUNS: usize = 5;

/// Returns the runs that the filter lets through, the newest first.
pub(super) fn list(transaction: &Transaction<'_>, locks: &LockFolder, filter: &RunFilter) -> rusqlite::Result<Vec<RunRecord>> {
    let mut liveness = Liveness::new(transaction, locks);
    let sql = format!(
        "{COLUMNS} WHERE (?1 IS NULL OR name = ?1) AND (?2 IS NULL OR status IN (?2, ?3)) ORDER BY start_unix_ns DESC, id DESC"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    // A stored `running` may have become `interrupted`: the filter sees how the run stands now.
    let stored = filter.status.map(|status| if status == Status::Interrupted { Status::Running } else { status });
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

/// Returns the run with this id or the only one that begins so.
pub(super) fn find(transaction: &Transaction<'_>, path: &Path, locks: &LockFolder, id: &str) -> Result<RunRecord, StoreError> {
    let failed = |error| StoreError::sqlite(path, "read", error);
    let wanted = id.trim().to_ascii_lowercase();
    let mut begin_so = beginning(transaction, locks, &wanted).map_err(failed)?;
    if let Some(exact) = begin_so.iter().position(|run| run.id.to_string() == wanted) {
        return Ok(begin_so.swap_remove(exact));
    }
    match begin_so.len() {
        1 => Ok(begin_so.swap_remove(0)),
        0 => {
            let last = list(transaction, locks, &RunFilter { limit: NAMED_RUNS, ..RunFilter::default() }).map_err(failed)?;
            Err(not_found(path, id, &last))
        }
        _ => {
            let message = format!("several runs begin with `{id}`; give more of the id:{}", named(&begin_so));
            Err(StoreError::new(StoreErrorKind::Ambiguous, message))
        }
    }
}

/// Returns some of the runs whose ids begin so, in the order of their ids: an equal id is the first.
fn beginning(transaction: &Transaction<'_>, locks: &LockFolder, wanted: &str) -> rusqlite::Result<Vec<RunRecord>> {
    if !wanted.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-')) {
        return Ok(Vec::new());
    }
    let mut liveness = Liveness::new(transaction, locks);
    // Ids hold nothing above `f`, so that `g` ends the range.
    let sql = format!("{COLUMNS} WHERE run_id >= ?1 AND run_id < ?1 || 'g' ORDER BY run_id LIMIT ?2");
    let mut statement = transaction.prepare_cached(&sql)?;
    statement.query_and_then((wanted, NAMED_RUNS), |row| record(row, &mut liveness))?.collect()
}

fn not_found(path: &Path, id: &str, last: &[RunRecord]) -> StoreError {
    let shown: String = id.chars().take(80).collect();
    let hint =
        if last.is_empty() { "; no run is recorded yet".to_owned() } else { format!("; the last runs are:{}", named(last)) };
    StoreError::new(StoreErrorKind::NotFound, format!("no run in {} begins with `{shown}`{hint}", path.display()))
}

fn named(runs: &[RunRecord]) -> String {
    runs.iter().map(|run| format!("\n  {}  {}  {}", run.id, run.status, run.name)).collect()
}

fn record(row: &Row<'_>, liveness: &mut Liveness<'_>) -> rusqlite::Result<RunRecord> {
    let mut run = RunRecord {
        id: parsed(row, 0, |text| text.parse::<RunId>().ok())?,
        root: parsed(row, 1, |text| text.parse::<SpanId>().ok())?,
        name: row.get(2)?,
        version: row.get(3)?,
        fingerprint: row.get::<_, Option<String>>(4)?.and_then(|text| text.parse().ok()),
        status: parsed(row, 5, Status::from_word)?,
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

fn parsed<T>(row: &Row<'_>, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text)
        .ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("`{text}` is damaged").into()))
}
