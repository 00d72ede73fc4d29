//! Looking at all that a store on a server has: can it be read, does it say the same in its columns, and do its tables fit together?

use std::collections::BTreeMap;

use flowglass_model::{Metric, MetricValue};
use tokio_postgres::Row;

use super::asked::{Reading, open};
use super::facets;
use super::failure::Failure;
use super::link::Link;
use super::records::{self, Distribution, SPAN_READ};
use super::remembered::Remembered;
use super::rest;
use super::rollups;
use super::scan::{Scan, Source};
use super::session::Session;
use crate::query::Now;
use crate::{Selection, StoreCheck, StoreError, StoreErrorKind, StoreProblem};

/// What must not be there, as a count; where, and what it means.
const WRONG: [(&str, &str, &str); 5] = [
    (
        "SELECT count(*) FROM span s WHERE NOT EXISTS (SELECT FROM resource r WHERE r.id = s.resource)",
        "table span",
        "spans name a resource that isn't there",
    ),
    (
        "SELECT count(*) FROM log s WHERE NOT EXISTS (SELECT FROM resource r WHERE r.id = s.resource)",
        "table log",
        "log records name a resource that isn't there",
    ),
    (
        "SELECT count(*) FROM (SELECT trace_id, count(*) AS spans FROM span GROUP BY trace_id) s LEFT JOIN trace t USING (trace_id)
         WHERE t.spans IS NULL OR t.spans < s.spans",
        "table trace",
        "traces have more spans than were counted",
    ),
    (
        "SELECT count(*) FROM span s JOIN trace t USING (trace_id) WHERE s.start_unix_ns NOT BETWEEN t.first_unix_ns AND t.last_unix_ns",
        "table trace",
        "spans lie outside of the time of their trace, and aren't found by it",
    ),
    (
        "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid",
        "indexes",
        "indexes are not valid: `REINDEX` makes them anew",
    ),
];

/// Reads all, and says what is wrong with it. Whether the server can be asked at all is another question.
pub(super) fn check(link: &Link, session: &mut Session) -> Result<StoreCheck, StoreError> {
    let mut check = StoreCheck::default();
    let told = |failure: Failure| failure.at(&link.place, "check");
    for source in Source::ALL.into_iter().rev() {
        let mut found = Found::default();
        // A table that the server itself can't read to its end keeps nobody from looking at the others.
        if let Err(failure) = look(link, source, &mut check, &mut found) {
            note(&mut check, source.table(), told(failure))?;
        }
        found.tell(source.table(), &mut check);
    }
    match open_spans(link) {
        Ok((spans, runs)) => (check.spans, check.runs) = (check.spans + spans, check.runs + runs),
        Err(failure) => note(&mut check, "open_span", told(failure))?,
    }
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('span')";
    check.segments = session.number(link, partitions, &[]).map_err(told)?.unwrap_or(0).max(0).cast_unsigned();
    if let Err(failure) = rollups::look(link, session) {
        note(&mut check, "rollup", told(failure))?;
    }
    match facets::wrong(link, session) {
        Ok(0) => {}
        Ok(wrong) => {
            let what = format!("{wrong} values are counted otherwise than they occur");
            check.problems.push(StoreProblem { place: "table facet".to_owned(), what });
        }
        Err(failure) => note(&mut check, "facet", told(failure))?,
    }
    for (sql, place, what) in WRONG {
        let rows = link.wait_long(session.client.query(sql, &[])).map_err(told)?;
        let count: i64 = rows.first().map_or(0, |row| row.get(0));
        if count > 0 {
            check.problems.push(StoreProblem { place: place.to_owned(), what: format!("{count} {what}") });
        }
    }
    Ok(check)
}

/// What is wrong with the rows of a table: how many there are of each kind.
#[derive(Default)]
struct Found {
    unreadable: BTreeMap<&'static str, u64>,
    /// Their columns say something else than what was recorded.
    differing: u64,
}

impl Found {
    fn tell(self, table: &str, check: &mut StoreCheck) {
        let mut problem = |what: String| check.problems.push(StoreProblem { place: format!("table {table}"), what });
        for (why, count) in self.unreadable {
            problem(format!("{count} rows can't be read: {why}"));
        }
        if self.differing > 0 {
            problem(format!("{} rows say in their columns something else than what was recorded", self.differing));
        }
    }
}

/// Reads a table to its end.
fn look(link: &Link, source: Source, check: &mut StoreCheck, found: &mut Found) -> Result<(), Failure> {
    let client = link.connect()?;
    link.wait(client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL cursor_tuple_fraction = 1"))?;
    let mut scan = Scan::new(link, client, vec![(source, source.statement(columns(source), &Selection::default()))]);
    while let Some((_, rows)) = scan.read()? {
        check.blocks += 1;
        for row in &rows {
            match agrees(source, row, check) {
                Ok(true) => {}
                Ok(false) => found.differing += 1,
                Err(Failure::Damaged(why)) => *found.unreadable.entry(why).or_default() += 1,
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(())
}

/// Reads what has not ended: as many spans, and as many runs.
fn open_spans(link: &Link) -> Result<(u64, u64), Failure> {
    let client = link.connect()?;
    let open = open(&Reading::begin(link, &client, &Remembered::default(), Now::system())?, None, false)?;
    Ok((open.len() as u64, open.iter().filter(|found| found.span.is_run_root()).count() as u64))
}

/// Returns what is looked at of each row: what reading it takes, and what its columns repeat.
fn columns(source: Source) -> &'static str {
    match source {
        Source::Spans => SPAN_READ,
        Source::Logs => {
            "s.trace_id, s.span_id, s.resource, s.data, s.name, s.severity, s.severity_text, s.body::text, s.attributes::text, s.unix_ns"
        }
        Source::Points => {
            "s.metric, s.data, s.resource, s.attributes::text, s.name, s.unix_ns, s.value, s.temporality, s.start_unix_ns, s.count, \
             s.sum, s.min, s.max, s.p50, s.p95, s.p99"
        }
        Source::Events | Source::Links => source.columns(),
    }
}

/// Reads a row; says whether its columns say what was recorded.
fn agrees(source: Source, row: &Row, check: &mut StoreCheck) -> Result<bool, Failure> {
    match source {
        Source::Spans => {
            let (span, _) = records::span(row)?;
            check.spans += 1;
            check.runs += u64::from(span.is_run_root());
            Ok(true)
        }
        Source::Events => {
            let (_, event) = records::event(row)?;
            Ok(event.unix_ns == row.try_get::<_, i64>(5)?)
        }
        Source::Links => rest::get::<flowglass_model::SpanLink>(row.try_get(2)?).map(|_| true),
        Source::Logs => {
            let log = records::log(row)?;
            let unix_ns = if log.unix_ns == 0 { log.observed_unix_ns } else { log.unix_ns };
            Ok((unix_ns, i16::from(log.severity.0)) == (row.try_get(9)?, row.try_get(5)?))
        }
        Source::Points => point_agrees(row),
    }
}

fn point_agrees(row: &Row) -> Result<bool, Failure> {
    let (metric, point) = (rest::get::<Metric>(row.try_get(0)?)?, rest::point(row.try_get(1)?, row.try_get(3)?)?);
    let value = match point.value {
        MetricValue::Number(number) => Some(number.as_f64()),
        _ => None,
    };
    let plain = (value.map(f64::to_bits), point.unix_ns);
    if plain != (row.try_get::<_, Option<f64>>(6)?.map(f64::to_bits), row.try_get(5)?) {
        return Ok(false);
    }
    let Some(temporality) = row.try_get::<_, Option<&str>>(7)? else {
        // It is from before there were such columns, and is filled later.
        return Ok(true);
    };
    let numbers = [10, 11, 12, 13, 14, 15].map(|at| row.try_get::<_, Option<f64>>(at));
    let wanted = Distribution::of(&point.value);
    let mut same = numbers.into_iter().zip(wanted.numbers);
    let are_same = same.try_fold(true, |so_far, (found, wanted)| {
        Ok::<_, Failure>(so_far && found?.map(f64::to_bits) == wanted.map(f64::to_bits))
    })?;
    let start = Some(point.start_unix_ns).filter(|start| *start != 0);
    Ok(are_same && temporality == metric.temporality.as_str() && (wanted.count, start) == (row.try_get(9)?, row.try_get(8)?))
}

/// What can't be read is a problem; that the server is away is an error.
fn note(check: &mut StoreCheck, table: &str, error: StoreError) -> Result<(), StoreError> {
    if error.kind() != StoreErrorKind::Corrupt {
        return Err(error);
    }
    check.problems.push(StoreProblem { place: format!("table {table}"), what: error.to_string() });
    Ok(())
}
