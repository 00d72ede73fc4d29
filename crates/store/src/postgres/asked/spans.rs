//! Finding spans and runs: those that are open, then those in the table.

use std::collections::{HashMap, HashSet};

use flowglass_model::{Span, SpanId, Status, TraceId};
use tokio_postgres::Row;

use super::super::condition::{Value, Values};
use super::super::failure::Failure;
use super::super::heartbeat::{ALIVE, SEEN};
use super::super::partitions::Table;
use super::super::records::{self, SPAN_READ};
use super::reading::Reading;
use super::way::Asking;
use super::{Asked, Wanted, shared};
use crate::query::{FoundRun, Select};
use crate::{FoundSpan, RunRecord};

/// The columns of spans, as [`read`] takes them.
pub(super) const FROM: &str = "SELECT s.trace_id, s.span_id, s.parent_id, s.name, s.kind, s.type, s.status, s.message, \
                               s.start_unix_ns, s.duration_ns, s.resource, s.written, s.data, s.attributes::text FROM span s";

/// As [`FROM`], with the counts of the trace: looked up one by one, whatever the server thinks of the size of the tables.
const FROM_WITH_COUNTS: &str = "SELECT s.trace_id, s.span_id, s.parent_id, s.name, s.kind, s.type, s.status, s.message, \
                                s.start_unix_ns, s.duration_ns, s.resource, s.written, s.data, s.attributes::text, \
                                (SELECT ARRAY[t.spans, t.errors] FROM trace t WHERE t.trace_id = s.trace_id) FROM span s";

/// Offers the spans that match.
pub(super) fn spans(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundSpan>) -> Result<(), Failure> {
    let needs_events = wanted.filter.needs_events();
    for span in open(reading, None, needs_events)? {
        asked.look(span, 0, wanted);
    }
    let asking = Asking { table: Table::Span, from: FROM, besides: "TRUE", query: asked.query };
    reading.walk(&asking, wanted, &mut |rows| {
        let found = read(reading, &rows, needs_events)?;
        Ok(found.into_iter().all(|(span, written)| asked.look(span, written, wanted)))
    })
}

/// Offers the runs that match.
pub(super) fn runs(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundRun>) -> Result<(), Failure> {
    let needs_events = wanted.filter.needs_events();
    for root in open(reading, None, needs_events)?.into_iter().filter(|found| found.span.is_run_root()) {
        let counts = counts_of(reading, root.span.trace_id)?;
        asked.look(run_of(reading, root, counts)?, 0, wanted);
    }
    let asking = Asking { table: Table::Span, from: FROM_WITH_COUNTS, besides: "s.run IS NOT NULL", query: asked.query };
    reading.walk(&asking, wanted, &mut |rows| {
        for ((root, written), row) in read(reading, &rows, needs_events)?.into_iter().zip(&rows) {
            let found = run_of(reading, root, counts_in(row.try_get(14)?))?;
            if !asked.look(found, written, wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// How many spans have ended, and how many of them failed.
type Counts = (u64, u64);

fn counts_in(numbers: Option<Vec<i64>>) -> Counts {
    let number =
        |at: usize| numbers.as_ref().and_then(|numbers| numbers.get(at)).map_or(0, |number| (*number).max(0).cast_unsigned());
    (number(0), number(1))
}

fn counts_of(reading: &Reading<'_>, trace: TraceId) -> Result<Counts, Failure> {
    let mut values = Values::default();
    let trace = values.text(trace.to_string());
    let rows = reading.known(&format!("SELECT ARRAY[spans, errors] FROM trace WHERE trace_id = {trace}"), &values)?;
    rows.first().map_or(Ok((0, 0)), |row| Ok(counts_in(row.try_get(0)?)))
}

fn run_of(reading: &Reading<'_>, root: FoundSpan, counts: Counts) -> Result<FoundRun, Failure> {
    // A run that joined a trace is only a part of it.
    let counts = if root.span.parent_id.is_none() { counts } else { count_of_joined(reading, &root.span)? };
    Ok(FoundRun { run: RunRecord::of_root(&root.span, counts.0, counts.1), root })
}

const BELOW: &str = "
WITH RECURSIVE below (span_id, status) AS (
    SELECT $2::text COLLATE \"C\", ''::text COLLATE \"C\"
    UNION SELECT s.span_id, s.status FROM span s JOIN below b ON s.parent_id = b.span_id WHERE s.trace_id = $1
)
SELECT ARRAY[count(*) FILTER (WHERE span_id <> $2), count(*) FILTER (WHERE status = 'error')] FROM below";

/// Counts the spans of a run that joined a trace: its root, if it has ended, and those below.
fn count_of_joined(reading: &Reading<'_>, root: &Span) -> Result<Counts, Failure> {
    let mut values = Values::default();
    values.text(root.trace_id.to_string());
    values.text(root.span_id.to_string());
    let rows = reading.known(BELOW, &values)?;
    let below = rows.first().map_or(Ok(None), |row| row.try_get(0)).map(counts_in)?;
    let (ended, failed) = (root.status.is_final(), root.status == Status::Error);
    Ok((below.0 + u64::from(ended), below.1 + u64::from(failed)))
}

/// Reads spans and when they were written, with their events if these are needed.
pub(super) fn read(reading: &Reading<'_>, rows: &[Row], needs_events: bool) -> Result<Vec<(FoundSpan, i64)>, Failure> {
    let spans = rows.iter().map(records::span).collect::<Result<Vec<_>, _>>()?;
    let resources =
        reading.remembered.resources.read(reading.link, reading.client, spans.iter().map(|(_, origin)| origin.resource))?;
    let mut events = if needs_events {
        reading.events_of(&spans.iter().map(|(span, _)| span.trace_id).collect::<HashSet<_>>())?
    } else {
        Default::default()
    };
    let found = spans.into_iter().map(|(mut span, origin)| {
        span.events = events.remove(&(span.trace_id, span.span_id)).unwrap_or_default();
        Ok((FoundSpan { span, resource: shared(resources.get(&origin.resource))? }, origin.written))
    });
    found.collect()
}

/// Returns the spans that have not ended, of a trace or of all, as they stand now; but for those of which more is known.
pub(in super::super) fn open(
    reading: &Reading<'_>,
    trace: Option<TraceId>,
    needs_events: bool,
) -> Result<Vec<FoundSpan>, Failure> {
    Ok(standing(reading, trace, needs_events)?.into_iter().map(|standing| standing.found).collect())
}

/// Counts the open spans that match; nothing where some of them are in the table, too, and would be counted twice.
pub(super) fn count_open(reading: &Reading<'_>, select: Select, wanted: &Wanted<'_>) -> Result<Option<u64>, Failure> {
    let mut count = 0;
    for Standing { found, is_in_table } in standing(reading, None, wanted.filter.needs_events())? {
        if is_in_table {
            return Ok(None);
        }
        let is_wanted = match select {
            Select::Runs if !found.span.is_run_root() => false,
            Select::Runs => {
                let counts = counts_of(reading, found.span.trace_id)?;
                wanted.matches(&run_of(reading, found, counts)?)
            }
            _ => wanted.matches(&found),
        };
        count += u64::from(is_wanted);
    }
    Ok(Some(count))
}

/// A span that has not ended, as far as is known.
struct Standing {
    found: FoundSpan,
    /// Whether the table has it as well, as one of which the end isn't known.
    is_in_table: bool,
}

fn standing(reading: &Reading<'_>, trace: Option<TraceId>, needs_events: bool) -> Result<Vec<Standing>, Failure> {
    let mut values = Values::default();
    let of_trace = trace.map(|trace| format!(" WHERE s.trace_id = {}", values.add(Value::Text(trace.to_string()))));
    let sql = format!(
        "SELECT {SPAN_READ}, coalesce({ALIVE}, FALSE), coalesce({SEEN}, 0) FROM open_span s LEFT JOIN sink k ON k.id = s.sink{}",
        of_trace.unwrap_or_default()
    );
    let rows = reading.known(&sql, &values)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let found = read(reading, &rows, needs_events)?;
    let told = told(reading, &found)?;
    let stands = found.into_iter().zip(&rows).filter(|((found, _), _)| told.get(&identity(&found.span)) != Some(&true));
    let stands = stands.map(|((mut found, _), row)| {
        let (alive, seen_unix_ns): (bool, i64) = (row.try_get(14)?, row.try_get(15)?);
        let seen_ns = u64::try_from(seen_unix_ns.saturating_sub(found.span.start_unix_ns)).unwrap_or(0);
        found.span.status = if alive { Status::Running } else { Status::Interrupted };
        found.span.duration_ns = found.span.duration_ns.max(seen_ns);
        Ok(Standing { is_in_table: told.contains_key(&identity(&found.span)), found })
    });
    stands.collect()
}

type Identity = (TraceId, SpanId, i64);

const fn identity(span: &Span) -> Identity {
    (span.trace_id, span.span_id, span.start_unix_ns)
}

/// Which of `$1`, `$2`, `$3` are in the table, between the first and the last of their starts, and whether they have ended: the server
/// looks for one after the other, on the days of these.
const TOLD: &str = "
SELECT * FROM (
    SELECT o.trace_id, o.span_id, o.start_unix_ns,
        (SELECT e.status NOT IN ('running', 'interrupted') FROM span e WHERE e.trace_id = o.trace_id COLLATE \"C\"
            AND e.span_id = o.span_id COLLATE \"C\" AND e.start_unix_ns = o.start_unix_ns
            AND e.start_unix_ns BETWEEN $4 AND $5) AS has_ended
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS o (trace_id, span_id, start_unix_ns)
) t WHERE t.has_ended IS NOT NULL";

/// Returns those of these spans of which the table knows, and whether they have ended.
fn told(reading: &Reading<'_>, found: &[(FoundSpan, i64)]) -> Result<HashMap<Identity, bool>, Failure> {
    let spans = || found.iter().map(|(found, _)| &found.span);
    let starts: Vec<i64> = spans().map(|span| span.start_unix_ns).collect();
    let (Some(first), Some(last)) = (starts.iter().min().copied(), starts.iter().max().copied()) else {
        return Ok(HashMap::new());
    };
    let mut values = Values::default();
    values.add(Value::Texts(spans().map(|span| span.trace_id.to_string()).collect()));
    values.add(Value::Texts(spans().map(|span| span.span_id.to_string()).collect()));
    values.add(Value::Ints(starts));
    values.add(Value::Int(first));
    values.add(Value::Int(last));
    let told = |row: &Row| {
        Ok(((records::parsed(row.try_get(0)?)?, records::parsed(row.try_get(1)?)?, row.try_get(2)?), row.try_get(3)?))
    };
    reading.rows(TOLD, &values)?.iter().map(told).collect()
}
