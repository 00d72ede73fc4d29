//! Forgetting runs: a policy names them, and one transaction takes them away. Days of which nothing stays are dropped as a whole.

use std::sync::Arc;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::failure::Failure;
use super::heartbeat::ALIVE;
use super::link::Link;
use super::partitions::Table;
use super::records::stored;
use super::schema;
use super::session::Session;
use crate::{Forgotten, RetentionPolicy};

/// How often a store that is too large is looked at again: what a day takes is an estimate.
const MOST_ROUNDS: usize = 8;

/// Forgets what the policy says.
pub(super) fn retain(link: &Link, session: &mut Session, policy: &RetentionPolicy) -> Result<Forgotten, Failure> {
    let size_before_bytes = size_bytes(link, session)?;
    let mut forgotten = Forgotten { size_before_bytes, size_after_bytes: size_before_bytes, ..Forgotten::default() };
    for _ in 0..MOST_ROUNDS {
        let Some(chosen) = choose(link, session, policy)? else { break };
        let (runs, spans) = forget(link, session, policy, &chosen)?;
        forgotten.runs += runs;
        forgotten.spans += spans;
        forgotten.size_after_bytes = size_bytes(link, session)?;
        if policy.max_size_bytes.is_none() || runs + spans == 0 {
            break;
        }
    }
    Ok(forgotten)
}

/// Takes it upon itself to let the store forget, unless somebody did within the hour.
const CLAIM: &str = "INSERT INTO retained (one, at) VALUES (true, clock_timestamp()) ON CONFLICT (one) DO UPDATE SET at = excluded.at \
     WHERE retained.at NOT BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp()";

/// Forgets what the policy says if nobody did for an hour.
pub(super) fn retain_if_due(link: &Arc<Link>, policy: &RetentionPolicy) -> Result<(), Failure> {
    let claimed = link.borrow()?.ask(|link, client| link.wait(client.execute(CLAIM, &[])))?;
    if claimed > 0 {
        retain(link, &mut Session::new(link)?, policy)?;
    }
    Ok(())
}

/// Says what would be forgotten at once, and changes nothing. A span is taken to be as large as any other.
pub(super) fn preview(link: &Link, session: &mut Session, policy: &RetentionPolicy) -> Result<Forgotten, Failure> {
    let size_before_bytes = size_bytes(link, session)?;
    let mut forgotten = Forgotten { size_before_bytes, size_after_bytes: size_before_bytes, ..Forgotten::default() };
    let Some(chosen) = choose(link, session, policy)? else { return Ok(forgotten) };
    session.run(link, "BEGIN")?;
    forgotten.runs = name_traces(link, session, policy, &chosen)?;
    let before = chosen.before_unix_ns.unwrap_or(i64::MIN);
    let going = format!("SELECT count(*) FROM span s WHERE {}", goes(Table::Span));
    forgotten.spans = number_of(&once(link, session, &going, &[&before])?);
    let all = number_of(&once(link, session, "SELECT count(*) FROM span", &[])?);
    session.run(link, "ROLLBACK")?;
    let freed = u128::from(size_before_bytes) * u128::from(forgotten.spans) / u128::from(all.max(1));
    forgotten.size_after_bytes = size_before_bytes.saturating_sub(u64::try_from(freed).unwrap_or(u64::MAX));
    Ok(forgotten)
}

/// Returns how much the store takes.
pub(super) fn size_bytes(link: &Link, session: &mut Session) -> Result<u64, Failure> {
    let sql = "SELECT coalesce(sum(pg_table_size(c.oid) + pg_indexes_size(c.oid)), 0)::bigint FROM pg_class c \
               WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r'";
    let schema = super::link::quoted(&link.options.schema);
    Ok(session.number(link, sql, &[&schema])?.unwrap_or(0).max(0).cast_unsigned())
}

/// What a policy names.
struct Chosen {
    /// Runs that began before this may go.
    end_unix_ns: i64,
    /// What belongs to no run and is from before this goes, too.
    before_unix_ns: Option<i64>,
}

fn choose(link: &Link, session: &mut Session, policy: &RetentionPolicy) -> Result<Option<Chosen>, Failure> {
    let by_age = match policy.max_age {
        Some(age) => {
            let now = session.number(link, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint", &[])?;
            now.map(|now| now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX)))
        }
        None => None,
    };
    let by_size = match policy.max_size_bytes {
        Some(most) => end_of_excess(link, session, policy, most)?,
        None => None,
    };
    // The later one names what either of them does.
    let named = by_age.max(by_size);
    let Some(end) = named.or(policy.keep_last.map(|_| i64::MAX)) else { return Ok(None) };
    let end_unix_ns = end.min(start_of_kept(link, session, policy.keep_last)?);
    // What belongs to no run is none of those that a number counts.
    let before_unix_ns = (policy.statuses.is_empty() && named.is_some()).then_some(end_unix_ns);
    Ok(Some(Chosen { end_unix_ns, before_unix_ns }))
}

/// Returns when the first of so many newest runs began, which stay.
fn start_of_kept(link: &Link, session: &mut Session, keep_last: Option<u64>) -> Result<i64, Failure> {
    let Some(before) = keep_last.unwrap_or(0).checked_sub(1) else { return Ok(i64::MAX) };
    let sql = "SELECT start_unix_ns FROM span WHERE run IS NOT NULL ORDER BY start_unix_ns DESC LIMIT 1 OFFSET $1";
    // Where there are no more than so many, all of them stay.
    Ok(session.number(link, sql, &[&stored(before)])?.unwrap_or(i64::MIN))
}

/// Returns until when what is stored has to go so that the rest fits; nothing if all fits. All spans are taken to be equally large.
fn end_of_excess(link: &Link, session: &mut Session, policy: &RetentionPolicy, most: u64) -> Result<Option<i64>, Failure> {
    let used = size_bytes(link, session)?;
    if used <= most {
        return Ok(None);
    }
    let part = (used - most) as f64 / used.max(1) as f64;
    let (of_runs, statuses) = (!policy.statuses.is_empty(), words(policy));
    let sql = "
        WITH part AS (
            SELECT t.first_unix_ns AS start, t.spans FROM trace t WHERE NOT $2 OR EXISTS (
                SELECT FROM span s WHERE s.trace_id = t.trace_id AND s.run IS NOT NULL AND s.status = ANY($3))
        ), summed AS (
            SELECT start, sum(spans) OVER (ORDER BY start) AS until, sum(spans) OVER () AS all_spans FROM part
        )
        SELECT min(start) + 1 FROM summed WHERE until >= all_spans * $1::float8";
    session.number(link, sql, &[&part, &of_runs, &statuses])
}

fn words(policy: &RetentionPolicy) -> Vec<String> {
    policy.statuses.iter().map(|status| status.as_str().to_owned()).collect()
}

/// What is known of each trace with a run, or with a span that is still open: whether it stays (because of a run that is too young,
/// stands otherwise, or is still running), and how many runs it has. One statement sees one state of the store: what is written
/// meanwhile is in none of the lists made of this, and stays.
const JUDGED: &str = "
CREATE TEMPORARY TABLE judged ON COMMIT DROP AS
SELECT trace_id, bool_or(stays) AS stays, count(*) FILTER (WHERE is_run) AS runs FROM (
    SELECT s.trace_id, NOT (s.start_unix_ns < $1 AND ($2 OR s.status = ANY($3))) AS stays, true AS is_run
    FROM span s WHERE s.run IS NOT NULL
    UNION ALL
    SELECT o.trace_id, coalesce($ALIVE, false)
        OR (o.run IS NOT NULL AND NOT (o.start_unix_ns < $1 AND ($2 OR 'interrupted' = ANY($3)))), o.run IS NOT NULL
    FROM open_span o LEFT JOIN sink k ON k.id = o.sink
) r GROUP BY trace_id";

/// The traces that stay, and those that go, with their runs.
const LISTS: &str = "
CREATE TEMPORARY TABLE kept ON COMMIT DROP AS SELECT trace_id FROM judged WHERE stays;
CREATE TEMPORARY TABLE gone ON COMMIT DROP AS SELECT trace_id, runs FROM judged WHERE NOT stays AND runs > 0;
CREATE INDEX ON pg_temp.kept (trace_id); CREATE INDEX ON pg_temp.gone (trace_id);
ANALYZE pg_temp.kept; ANALYZE pg_temp.gone";

/// Takes all that goes away in one transaction; returns how many runs and spans that was.
fn forget(link: &Link, session: &mut Session, policy: &RetentionPolicy, chosen: &Chosen) -> Result<(u64, u64), Failure> {
    session.run(
        link,
        &format!(
            "BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock({})",
            schema::lock(&link.options.schema, 1)
        ),
    )?;
    let runs = name_traces(link, session, policy, chosen)?;
    let mut spans = 0;
    let mut shrunk = Vec::new();
    for table in Table::ALL {
        for partition in partitions(link, session, table)? {
            let removed = empty(link, session, table, &partition, chosen.before_unix_ns)?;
            spans += if table == Table::Span { removed.rows } else { 0 };
            if removed.rows > 0 && !removed.is_dropped {
                shrunk.push(partition.name);
            }
        }
    }
    rest(link, session, chosen.before_unix_ns)?;
    session.run(link, "COMMIT")?;
    if policy.max_size_bytes.is_some() {
        // Rows that were deleted leave holes: only writing the table anew makes it smaller.
        for table in shrunk {
            link.wait_long(session.client.batch_execute("SET statement_timeout = 0"))?;
            link.wait_long(session.client.batch_execute(&format!("VACUUM FULL {}", super::link::quoted(&table))))?;
        }
    }
    Ok((runs, spans))
}

/// Makes the tables of traces that stay and that go; returns how many runs go.
fn name_traces(link: &Link, session: &Session, policy: &RetentionPolicy, chosen: &Chosen) -> Result<u64, Failure> {
    let (all, statuses) = (policy.statuses.is_empty(), words(policy));
    once(link, session, &JUDGED.replace("$ALIVE", ALIVE), &[&chosen.end_unix_ns, &all, &statuses])?;
    session.run(link, LISTS)?;
    Ok(number_of(&once(link, session, "SELECT coalesce(sum(runs), 0)::bigint FROM gone", &[])?))
}

/// Returns what holds for rows that go: those of a trace that goes, and those from before `$1` of none that stays.
fn goes(table: Table) -> String {
    let time = table.time();
    match table {
        // Points belong to no trace.
        Table::Point => format!("s.{time} < $1"),
        _ => format!(
            "(EXISTS (SELECT FROM gone g WHERE g.trace_id = s.trace_id) \
             OR (s.{time} < $1 AND NOT EXISTS (SELECT FROM kept k WHERE k.trace_id = s.trace_id)))"
        ),
    }
}

/// Does something with a statement that isn't prepared for later: it names tables that are gone by then.
fn once(link: &Link, session: &Session, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
    link.wait_long(session.client.query(sql, values))
}

fn number_of(rows: &[Row]) -> u64 {
    rows.first().map_or(0, |row| row.get::<_, i64>(0)).max(0).cast_unsigned()
}

/// A part of a table: one day, or all other times.
struct Partition {
    name: String,
    /// Where its day ends; nothing for all other times.
    end_unix_ns: Option<i64>,
}

fn partitions(link: &Link, session: &mut Session, table: Table) -> Result<Vec<Partition>, Failure> {
    let sql = "SELECT c.relname::text, substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?(-?[0-9]+)''?\\)')::bigint
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1::text)";
    let rows = session.rows(link, sql, &[&table.name()])?;
    Ok(rows.iter().map(|row| Partition { name: row.get(0), end_unix_ns: row.get(1) }).collect())
}

/// What was taken from a partition.
struct Removed {
    rows: u64,
    is_dropped: bool,
}

/// Takes what goes out of a partition: all of it at once, where nothing of it stays.
fn empty(
    link: &Link,
    session: &Session,
    table: Table,
    partition: &Partition,
    before_unix_ns: Option<i64>,
) -> Result<Removed, Failure> {
    let name = super::link::quoted(&partition.name);
    let goes = goes(table);
    let before = before_unix_ns.unwrap_or(i64::MIN);
    let is_past = partition.end_unix_ns.is_some_and(|end| end <= before);
    let stays = format!("SELECT count(*) FROM {name} s WHERE NOT {goes}");
    let nothing_stays = || Ok::<_, Failure>(number_of(&once(link, session, &stays, &[&before])?) == 0);
    if is_past && nothing_stays()? {
        // Nobody adds to it from here on; what was added since stays.
        session.run(link, &format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))?;
    }
    if is_past && nothing_stays()? {
        let rows = number_of(&once(link, session, &format!("SELECT count(*) FROM {name}"), &[])?);
        once(link, session, &format!("DROP TABLE {name}"), &[])?;
        return Ok(Removed { rows, is_dropped: true });
    }
    let deleted = format!("WITH d AS (DELETE FROM {name} s WHERE {goes} RETURNING 1) SELECT count(*) FROM d");
    Ok(Removed { rows: number_of(&once(link, session, &deleted, &[&before])?), is_dropped: false })
}

/// Takes away what has no time of its own, once its trace is gone.
fn rest(link: &Link, session: &Session, before_unix_ns: Option<i64>) -> Result<(), Failure> {
    let before = before_unix_ns.unwrap_or(i64::MIN);
    once(link, session, "DELETE FROM open_span o USING gone g WHERE g.trace_id = o.trace_id", &[])?;
    let traces = "DELETE FROM trace t WHERE EXISTS (SELECT FROM gone g WHERE g.trace_id = t.trace_id)
        OR (t.last_unix_ns < $1 AND NOT EXISTS (SELECT FROM kept k WHERE k.trace_id = t.trace_id))";
    once(link, session, traces, &[&before])?;
    let links = "DELETE FROM link l WHERE NOT EXISTS (SELECT FROM trace t WHERE t.trace_id = l.trace_id)
        AND NOT EXISTS (SELECT FROM open_span o WHERE o.trace_id = l.trace_id)";
    once(link, session, links, &[])?;
    UNUSED.iter().try_for_each(|unused| once(link, session, unused, &[]).map(|_| ()))
}

/// Takes away what no row refers to any more: sinks that ended long ago and what wrote through them, then resources. A writer that
/// comes back from a long silence is there again with its next batch; what one left in a folder may be older, but not by as much.
const UNUSED: [&str; 3] = [
    "DELETE FROM writer w WHERE w.seen < clock_timestamp() - interval '30 days'
        AND NOT EXISTS (SELECT FROM sink k WHERE k.id = w.sink AND k.seen > clock_timestamp() - interval '30 days')",
    "DELETE FROM sink k WHERE k.seen < clock_timestamp() - interval '30 days'
        AND NOT EXISTS (SELECT FROM writer w WHERE w.sink = k.id) AND NOT EXISTS (SELECT FROM open_span o WHERE o.sink = k.id)",
    "DELETE FROM resource r WHERE r.used < clock_timestamp() - interval '30 days'
        AND NOT EXISTS (SELECT FROM writer w WHERE w.resource = r.id) AND NOT EXISTS (SELECT FROM span s WHERE s.resource = r.id)
        AND NOT EXISTS (SELECT FROM open_span o WHERE o.resource = r.id) AND NOT EXISTS (SELECT FROM event e WHERE e.resource = r.id)
        AND NOT EXISTS (SELECT FROM log l WHERE l.resource = r.id) AND NOT EXISTS (SELECT FROM point p WHERE p.resource = r.id)",
];
