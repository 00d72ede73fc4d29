//! Forgetting what was chosen: one transaction takes it away. Days of which nothing stays are dropped as a whole.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::facets;
use super::failure::Failure;
use super::heartbeat::ALIVE;
use super::link::{Link, quoted};
use super::partitions::{LOCK_TIMEOUT, NS_PER_DAY, Table};
use super::retention::{Chosen, words};
use super::schema;
use super::session::Session;
use crate::RetentionPolicy;

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

/// Takes all that goes away in one transaction; returns how many runs and spans that was. Days are dropped last: from then on until its
/// end nobody else reads or writes spans.
pub(super) fn forget(
    link: &Link,
    session: &mut Session,
    policy: &RetentionPolicy,
    chosen: &Chosen,
) -> Result<(u64, u64), Failure> {
    session.run(
        link,
        &format!(
            "BEGIN; SET LOCAL statement_timeout = 0; {}; SELECT pg_advisory_xact_lock({})",
            facets::WE_COUNT,
            schema::lock(&link.options.schema, 1)
        ),
    )?;
    let runs = name_traces(link, session, policy, chosen)?;
    let before_unix_ns = chosen.before_unix_ns.unwrap_or(i64::MIN);
    let (mut spans, mut shrunk, mut over) = (0, Vec::new(), Vec::new());
    for table in Table::ALL {
        for partition in partitions(link, session, table)? {
            let part = Part { link, session, table, name: quoted(&partition.name), before_unix_ns };
            if let Some(end_unix_ns) = partition.end_unix_ns.filter(|end| *end <= before_unix_ns)
                && part.stays()? == 0
            {
                over.push((table, part.name, end_unix_ns / NS_PER_DAY - 1));
                continue;
            }
            let rows = part.delete()?;
            spans += if table == Table::Span { rows } else { 0 };
            if rows > 0 {
                shrunk.push(part.name);
            }
        }
    }
    rest(link, session, before_unix_ns)?;
    if over.iter().any(|(table, ..)| *table == Table::Span) {
        facets::hold(link, session)?;
    }
    for (table, name, day) in over {
        let part = Part { link, session, table, name, before_unix_ns };
        let (rows, is_dropped) = part.drop()?;
        if table == Table::Span {
            spans += rows;
            if is_dropped {
                facets::forget_day(link, session, day)?;
            }
        }
    }
    session.run(link, "COMMIT")?;
    unused(link, session)?;
    if policy.max_size_bytes.is_some() {
        // Rows that were deleted leave holes: only writing the table anew makes it smaller.
        facets::take_up(link, session)?;
        for table in shrunk.into_iter().chain(["facet", "facet_change"].map(str::to_owned)) {
            link.wait_long(session.client.batch_execute("SET statement_timeout = 0"))?;
            link.wait_long(session.client.batch_execute(&format!("VACUUM FULL {table}")))?;
        }
    }
    Ok((runs, spans))
}

/// Makes the tables of traces that stay and that go; returns how many runs go.
pub(super) fn name_traces(link: &Link, session: &Session, policy: &RetentionPolicy, chosen: &Chosen) -> Result<u64, Failure> {
    let (all, statuses) = (policy.statuses.is_empty(), words(policy));
    once(link, session, &JUDGED.replace("$ALIVE", ALIVE), &[&chosen.end_unix_ns, &all, &statuses])?;
    session.run(link, LISTS)?;
    Ok(number_of(&once(link, session, "SELECT coalesce(sum(runs), 0)::bigint FROM gone", &[])?))
}

/// Returns what holds for rows that go: those of a trace that goes, and those from before `$1` of none that stays.
pub(super) fn goes(table: Table) -> String {
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
pub(super) fn once(link: &Link, session: &Session, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
    link.wait_long(session.client.query(sql, values))
}

pub(super) fn number_of(rows: &[Row]) -> u64 {
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

/// A part of a table, from which something goes.
struct Part<'a> {
    link: &'a Link,
    session: &'a Session,
    table: Table,
    name: String,
    before_unix_ns: i64,
}

impl Part<'_> {
    /// Returns how many rows stay.
    fn stays(&self) -> Result<u64, Failure> {
        self.number(&format!("SELECT count(*) FROM {} s WHERE NOT {}", self.name, goes(self.table)))
    }

    /// Takes away what goes; returns how many rows that were.
    fn delete(&self) -> Result<u64, Failure> {
        let (name, goes) = (&self.name, goes(self.table));
        let counted = match self.table {
            Table::Span => format!(", c AS ({})", facets::change("d", -1)),
            Table::Event | Table::Log | Table::Point => String::new(),
        };
        self.number(&format!("WITH d AS (DELETE FROM {name} s WHERE {goes} RETURNING s.*){counted} SELECT count(*) FROM d"))
    }

    /// Takes away a part of which nothing stays, unless somebody adds to it or reads it all the time: then, what goes. Returns how many
    /// rows that were, and whether the part is gone.
    fn drop(&self) -> Result<(u64, bool), Failure> {
        let link = self.link;
        self.session.run(link, &format!("SAVEPOINT part; {LOCK_TIMEOUT}"))?;
        match self.drop_if_nothing_stays() {
            Ok(dropped) => {
                self.session.run(link, "RELEASE SAVEPOINT part; SET LOCAL lock_timeout = 0")?;
                dropped.map_or_else(|| Ok((self.delete()?, false)), |rows| Ok((rows, true)))
            }
            // Whoever has it is not interrupted, and nobody waits behind us.
            Err(failure) if failure.is_locked() => {
                self.session.run(link, "ROLLBACK TO SAVEPOINT part")?;
                Ok((self.delete()?, false))
            }
            Err(failure) => Err(failure),
        }
    }

    fn drop_if_nothing_stays(&self) -> Result<Option<u64>, Failure> {
        // Nobody adds to it from here on; what was added since stays.
        self.session.run(self.link, &format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", self.name))?;
        if self.stays()? > 0 {
            return Ok(None);
        }
        let rows = number_of(&once(self.link, self.session, &format!("SELECT count(*) FROM {}", self.name), &[])?);
        self.session.run(self.link, &format!("DROP TABLE {}", self.name))?;
        Ok(Some(rows))
    }

    fn number(&self, sql: &str) -> Result<u64, Failure> {
        Ok(number_of(&once(self.link, self.session, sql, &[&self.before_unix_ns])?))
    }
}

/// Takes away what has no time of its own, once its trace is gone.
fn rest(link: &Link, session: &Session, before_unix_ns: i64) -> Result<(), Failure> {
    once(link, session, "DELETE FROM open_span o USING gone g WHERE g.trace_id = o.trace_id", &[])?;
    let traces = "DELETE FROM trace t WHERE EXISTS (SELECT FROM gone g WHERE g.trace_id = t.trace_id)
        OR (t.last_unix_ns < $1 AND NOT EXISTS (SELECT FROM kept k WHERE k.trace_id = t.trace_id))";
    once(link, session, traces, &[&before_unix_ns])?;
    let links = "DELETE FROM link l WHERE NOT EXISTS (SELECT FROM trace t WHERE t.trace_id = l.trace_id)
        AND NOT EXISTS (SELECT FROM open_span o WHERE o.trace_id = l.trace_id)";
    once(link, session, links, &[]).map(|_| ())
}

/// Takes away what nothing refers to any more, after all else: it holds up nobody.
fn unused(link: &Link, session: &Session) -> Result<(), Failure> {
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
