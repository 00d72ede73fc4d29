//! Forgetting runs: which ones a policy names, and in which order they go.
//!
//! A run's row goes first, and its trace into the table `forgotten`, in one transaction: nobody sees half a run. Then its spans
//! are taken out of the segments, one segment a transaction. Whoever is killed in between leaves the rest to the next one.

use std::collections::HashSet;
use std::path::Path;

use flowglass_model::{Status, TraceId};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension};

use super::failure::Failure;
use super::forget;
use super::liveness::Liveness;
use super::lock::LockFolder;
use super::merge::{self, Turns};
use super::run_count;
use super::runs::trace_of_key;
use super::segments;
use super::{merger, now_unix_ns};
use crate::kept::Kept;
use crate::{Forgotten, RetentionPolicy, StoreError};

/// So many runs go in one transaction, so that writers never wait long.
const RUNS_AT_ONCE: usize = 500;
/// How often a store that is too large is looked at again: what a run takes is an estimate.
const MOST_ROUNDS: usize = 8;

/// Forgets what the policy says.
pub(super) fn retain(path: &Path, locks: &LockFolder, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
    drop(locks.enter()?);
    let _lease = locks.lease_in_time()?;
    let mut connection = merger::open(path)?;
    let failed = |failure: Failure| failure.at(path, "forget runs of");
    let size_before_bytes = used_bytes(&connection).map_err(|error| failed(error.into()))?;
    let turn = Mutex::default();
    let mut turns = Turns { connection: &mut connection, turn: &turn, stops: merge::NEVER };
    let mut pruning = Pruning { turns: &mut turns, locks, policy, forgotten: Forgotten::default() };
    pruning.run().map_err(failed)?;
    let forgotten = pruning.forgotten;
    merger::give_back_all(path, &connection)?;
    let size_after_bytes = used_bytes(&connection).map_err(|error| failed(error.into()))?;
    Ok(Forgotten { size_before_bytes, size_after_bytes, ..forgotten })
}

/// Returns how many runs would be forgotten, and about how much they take: a span is taken to be as large as any other.
pub(super) fn preview(connection: &Connection, locks: &LockFolder, policy: &RetentionPolicy) -> Result<Forgotten, Failure> {
    let used = used_bytes(connection)?;
    let chosen = choose(connection, locks, policy)?;
    let spans = chosen.runs.iter().map(|run| run.spans).sum();
    let all: u64 = segments::live(connection)?.iter().map(|segment| segment.bounds.spans + segment.bounds.events).sum();
    let freed = u128::from(stored_bytes(connection)?) * u128::from(spans) / u128::from(all.max(1));
    let size_after_bytes = used.saturating_sub(u64::try_from(freed).unwrap_or(u64::MAX));
    Ok(Forgotten { runs: chosen.runs.len() as u64, spans, size_before_bytes: used, size_after_bytes })
}

/// Returns what goes with the spans, in bytes. Roll-ups and runs take some of the file, and what they take stays.
fn stored_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT (SELECT coalesce(sum(length(head) + length(body)), 0) FROM block)
        + (SELECT coalesce(sum(length(data)), 0) FROM sketch)";
    connection.query_row(sql, [], |row| row.get(0))
}

/// Returns how much of the file is in use, in bytes.
fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u64>(0));
    Ok((number("page_count")?.saturating_sub(number("freelist_count")?)).saturating_mul(number("page_size")?))
}

/// How often a store forgets by itself.
const EVERY_NS: i64 = 3_600 * 1_000_000_000;

/// Says whether nobody has let the store forget for an hour.
pub(super) fn is_due(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT value FROM meta WHERE key = 'retained_unix_ns'";
    let last: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    // A clock that was set back is no reason to wait for long.
    Ok(last.is_none_or(|last| !(last..last.saturating_add(EVERY_NS)).contains(&now_unix_ns())))
}

/// Forgets what the policy says if nobody did for an hour; the caller holds the lease.
pub(super) fn retain_if_due(turns: &mut Turns<'_>, locks: &LockFolder, policy: &RetentionPolicy) -> Result<(), Failure> {
    if !is_due(turns.connection)? {
        return Ok(());
    }
    turns.write(|transaction| {
        let sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('retained_unix_ns', ?1)";
        Ok(transaction.execute(sql, [now_unix_ns()]).map(|_| ())?)
    })?;
    // What is begun is done: nobody should find half of what was forgotten.
    let mut turns = Turns { connection: turns.connection, turn: turns.turn, stops: merge::NEVER };
    Pruning { turns: &mut turns, locks, policy, forgotten: Forgotten::default() }.run()
}

struct Pruning<'a, 't> {
    turns: &'a mut Turns<'t>,
    locks: &'a LockFolder,
    policy: &'a RetentionPolicy,
    forgotten: Forgotten,
}

impl Pruning<'_, '_> {
    fn run(&mut self) -> Result<(), Failure> {
        for _ in 0..MOST_ROUNDS {
            let chosen = choose(self.turns.connection, self.locks, self.policy)?;
            let before = self.forgotten;
            self.remove_runs(&chosen.runs)?;
            self.remove_spans(chosen.before_unix_ns)?;
            if self.policy.max_size_bytes.is_none() || before == self.forgotten {
                break;
            }
        }
        Ok(())
    }

    fn remove_runs(&mut self, runs: &[ChosenRun]) -> Result<(), Failure> {
        for some in runs.chunks(RUNS_AT_ONCE) {
            self.turns.write(|transaction| {
                let mut delete = transaction.prepare_cached("DELETE FROM runs WHERE start_unix_ns = ?1 AND id = ?2")?;
                let mut open = transaction.prepare_cached("DELETE FROM open_span WHERE trace = ?1")?;
                let mut insert = transaction.prepare_cached("INSERT OR IGNORE INTO forgotten (trace) VALUES (?1)")?;
                let mut gone = 0;
                for run in some {
                    let trace = trace_of_key(&run.key).map(TraceId::to_bytes);
                    gone += delete.execute((run.start_unix_ns, &run.key))? as i64;
                    open.execute([trace])?;
                    insert.execute([trace])?;
                }
                Ok(run_count::change(transaction, -gone)?)
            })?;
            self.forgotten.runs += some.len() as u64;
        }
        Ok(())
    }

    /// Takes the spans of forgotten runs out of all segments, those included that an earlier pruning left behind.
    fn remove_spans(&mut self, before_unix_ns: Option<i64>) -> Result<(), Failure> {
        let forgotten = traces(self.turns.connection, "SELECT trace FROM forgotten")?;
        if forgotten.is_empty() && before_unix_ns.is_none() {
            return Ok(());
        }
        // Only what belongs to no run goes by its own time.
        let kept = match before_unix_ns {
            Some(_) => traces(self.turns.connection, "SELECT DISTINCT substr(id, 1, 16) FROM runs")?,
            None => HashSet::new(),
        };
        let kept = Kept { forgotten, kept, before_unix_ns };
        merge::sweep(self.turns)?;
        for segment in segments::live(self.turns.connection)? {
            self.forgotten.spans += forget::in_segment(self.turns, &segment, &kept)?;
        }
        merge::sweep(self.turns)?;
        self.turns.write(|transaction| Ok(transaction.execute("DELETE FROM forgotten", []).map(|_| ())?))
    }
}

fn traces(connection: &Connection, sql: &str) -> rusqlite::Result<HashSet<TraceId>> {
    connection.prepare(sql)?.query_map([], |row| row.get(0).map(TraceId::from_bytes))?.collect()
}

/// A run that goes.
struct ChosenRun {
    start_unix_ns: i64,
    key: Vec<u8>,
    spans: u64,
}

/// What a policy names.
#[derive(Default)]
struct Chosen {
    runs: Vec<ChosenRun>,
    /// What belongs to no run and is from before this goes, too.
    before_unix_ns: Option<i64>,
}

fn choose(connection: &Connection, locks: &LockFolder, policy: &RetentionPolicy) -> Result<Chosen, Failure> {
    let by_age = policy.max_age.map(|age| now_unix_ns().saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)));
    let by_size = match policy.max_size_bytes {
        Some(most) => end_of_excess(connection, policy, most)?,
        None => None,
    };
    // The later one names what either of them does.
    let named = by_age.max(by_size);
    let Some(end) = named.or(policy.keep_last.map(|_| i64::MAX)) else { return Ok(Chosen::default()) };
    let end = end.min(start_of_kept(connection, policy.keep_last)?);
    // What belongs to no run is none of those that a number counts.
    let before_unix_ns = (policy.statuses.is_empty() && named.is_some()).then_some(end);
    Ok(Chosen { runs: runs_before(connection, locks, &policy.statuses, end)?, before_unix_ns })
}

/// Returns when the first of so many newest runs began, which stay.
fn start_of_kept(connection: &Connection, keep_last: Option<u64>) -> Result<i64, Failure> {
    let Some(before) = keep_last.unwrap_or(0).checked_sub(1) else { return Ok(i64::MAX) };
    let sql = "SELECT start_unix_ns FROM runs ORDER BY start_unix_ns DESC LIMIT 1 OFFSET ?1";
    let start = connection.query_row(sql, [i64::try_from(before).unwrap_or(i64::MAX)], |row| row.get(0)).optional()?;
    // Where there are no more than so many, all of them stay.
    Ok(start.unwrap_or(i64::MIN))
}

/// Returns until when what is stored has to go so that the rest fits; nothing if all fits.
fn end_of_excess(connection: &Connection, policy: &RetentionPolicy, most_bytes: u64) -> Result<Option<i64>, Failure> {
    let used = used_bytes(connection)?;
    if used <= most_bytes {
        return Ok(None);
    }
    let segments = segments::live(connection)?;
    let spans: u64 = segments.iter().map(|segment| segment.bounds.spans + segment.bounds.events).sum();
    let bytes = stored_bytes(connection)?;
    let excess = (u128::from(spans) * u128::from(used - most_bytes)).div_ceil(u128::from(bytes.max(1)));
    let mut parts = if policy.statuses.is_empty() { parts_of_all(connection)? } else { parts_of_runs(connection, policy)? };
    parts.sort_unstable();
    let mut missing = excess;
    for (first, last, spans) in &parts {
        let spans = u128::from(*spans);
        if spans >= missing {
            // Within a block the starts are taken to be evenly spread.
            let share = u128::from(last.abs_diff(*first)) * missing / spans.max(1);
            return Ok(Some(first.saturating_add_unsigned(share as u64).saturating_add(1)));
        }
        missing -= spans;
    }
    Ok(parts.last().map(|(_, last, _)| last.saturating_add(1)))
}

/// Returns the first and the last start in each block, and how much there is in it.
fn parts_of_all(connection: &Connection) -> Result<Vec<(i64, i64, u64)>, Failure> {
    let mut parts = Vec::new();
    for segment in segments::live(connection)? {
        let bounds = segment.zones(connection)?.into_iter().map(|zone| zone.bounds);
        parts.extend(bounds.map(|of| (of.min_start_unix_ns, of.max_start_unix_ns, of.spans + of.events)));
    }
    Ok(parts)
}

/// Returns the start of each run that may go, and how many spans it has.
fn parts_of_runs(connection: &Connection, policy: &RetentionPolicy) -> Result<Vec<(i64, i64, u64)>, Failure> {
    let mut statement = connection.prepare("SELECT start_unix_ns, span_count, status FROM runs")?;
    let mut rows = statement.query([])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let status = row.get_ref(2)?.as_str().ok().and_then(Status::from_word);
        if status.is_some_and(|status| policy.statuses.contains(&status)) {
            parts.push((row.get(0)?, row.get(0)?, row.get(1)?));
        }
    }
    Ok(parts)
}

/// Returns the runs that began before and may go. A trace goes as a whole: if one of its runs stays, all do.
fn runs_before(
    connection: &Connection,
    locks: &LockFolder,
    statuses: &[Status],
    end_unix_ns: i64,
) -> Result<Vec<ChosenRun>, Failure> {
    let mut liveness = Liveness::new(connection, locks);
    let mut statement =
        connection.prepare("SELECT start_unix_ns, id, status, writer, span_count FROM runs ORDER BY start_unix_ns")?;
    let mut rows = statement.query([])?;
    let (mut chosen, mut staying) = (Vec::new(), HashSet::new());
    while let Some(row) = rows.next()? {
        let run = ChosenRun { start_unix_ns: row.get(0)?, key: row.get(1)?, spans: row.get(4)? };
        let stored = row.get_ref(2)?.as_str().ok().and_then(Status::from_word);
        let status = match stored {
            Some(Status::Running) => Some(liveness.of(row.get(3)?)?.status()),
            other => other,
        };
        let named = statuses.is_empty() || status.is_some_and(|status| statuses.contains(&status));
        if named && status != Some(Status::Running) && run.start_unix_ns < end_unix_ns {
            chosen.push(run);
        } else {
            staying.extend(trace_of_key(&run.key));
        }
    }
    chosen.retain(|run| trace_of_key(&run.key).is_some_and(|trace| !staying.contains(&trace)));
    Ok(chosen)
}
