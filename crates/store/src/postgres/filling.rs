//! Rows from before a version that added columns: these are filled some at a time, by whoever writes, from what stands in `data`.

use std::sync::Arc;

use flowglass_model::{InstrumentationScope, Metric, MetricPoint};
use tokio_postgres::Row;

use super::facets;
use super::failure::Failure;
use super::json::storable;
use super::link::{Link, quoted};
use super::records::{self, Distribution, LOG_READ, SPAN_READ};
use super::rest;
use super::rollups;
use super::session::{Session, Values};

/// So many blocks of the server's are looked at in one step: some thousand rows.
const BLOCKS: i64 = 256;

/// Fills the rows of the next blocks, or counts a day on which nobody did; says whether there may be more.
pub(super) fn step(link: &Link, session: &mut Session) -> Result<bool, Failure> {
    session.run(link, "BEGIN")?;
    // What somebody else is at is left to them.
    let next = "SELECT part, source, next_block, end_block, to_regclass(quote_ident(part)) IS NOT NULL FROM unfilled
        ORDER BY part LIMIT 1 FOR UPDATE SKIP LOCKED";
    let rows = session.rows(link, next, &[])?;
    let Some(row) = rows.first() else {
        session.run(link, "COMMIT")?;
        return facets::count_day(link, session);
    };
    let (part, source): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let (first, end, is_there): (i64, i64, bool) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    let behind = end.min(first + BLOCKS);
    if is_there {
        fill(link, session, &source, &part, (first, behind))?;
    }
    if is_there && behind < end {
        session.execute(link, "UPDATE unfilled SET next_block = $2 WHERE part = $1", &[&part, &behind])?;
    } else {
        session.execute(link, "DELETE FROM unfilled WHERE part = $1", &[&part])?;
    }
    session.run(link, "COMMIT")?;
    Ok(true)
}

fn fill(link: &Link, session: &Session, source: &str, part: &str, blocks: (i64, i64)) -> Result<(), Failure> {
    let part = Part { link, session, name: quoted(part), blocks };
    match source {
        "span" => part.scopes(SPAN_READ, 14, |row| Ok(records::span(row)?.0.scope)),
        "log" => part.scopes(LOG_READ, 9, |row| Ok(records::log(row)?.scope)),
        "point" => part.points(),
        _ => part.quantiles(),
    }
}

/// Some blocks of a table.
struct Part<'a> {
    link: &'a Link,
    session: &'a Session,
    name: String,
    blocks: (i64, i64),
}

impl Part<'_> {
    /// Returns these columns of rows of which something holds, and last the place of each.
    fn rows(&self, columns: &str, which: &str) -> Result<Vec<Row>, Failure> {
        let (Self { name, .. }, (first, behind)) = (self, self.blocks);
        let sql = format!(
            "SELECT {columns}, s.ctid::text FROM {name} s WHERE s.ctid >= '({first},0)' AND s.ctid < '({behind},0)' AND {which}"
        );
        self.link.wait_long(self.session.client.query(&sql, &[]))
    }

    /// Gives columns of the rows at `places` the values that stand beside these.
    fn update(&self, columns: &[&str], types: &[&str], values: Values<'_>) -> Result<(), Failure> {
        let set: Vec<String> = columns.iter().map(|column| format!("{column} = f.{column}")).collect();
        let lists: Vec<String> = types.iter().zip(2..).map(|(of, at)| format!("${at}::{of}[]")).collect();
        let sql = format!(
            "UPDATE {} s SET {} FROM unnest($1::text[], {}) AS f (place, {}) WHERE s.ctid = f.place::tid",
            self.name,
            set.join(", "),
            lists.join(", "),
            columns.join(", ")
        );
        self.link.wait_long(self.session.client.execute(&sql, values)).map(|_| ())
    }

    fn scopes(
        &self,
        columns: &str,
        place: usize,
        scope: impl Fn(&Row) -> Result<Option<Arc<InstrumentationScope>>, Failure>,
    ) -> Result<(), Failure> {
        let (mut places, mut scopes) = (Vec::new(), Vec::new());
        for row in self.rows(columns, "s.scope IS NULL")? {
            // What can't be read is what a check tells of.
            if let Ok(Some(scope)) = scope(&row) {
                places.push(row.try_get::<_, String>(place)?);
                scopes.push(storable(&scope.name).into_owned());
            }
        }
        if places.is_empty() { Ok(()) } else { self.update(&["scope"], &["text"], &[&places, &scopes]) }
    }

    fn points(&self) -> Result<(), Failure> {
        let mut found: Vec<(String, Metric, MetricPoint)> = Vec::new();
        for row in self.rows("s.metric, s.data, s.attributes::text", "s.temporality IS NULL")? {
            if let (Ok(metric), Ok(point)) = (rest::get(row.try_get(0)?), rest::point(row.try_get(1)?, row.try_get(2)?)) {
                found.push((row.try_get(3)?, metric, point));
            }
        }
        let places: Vec<&str> = found.iter().map(|(place, ..)| place.as_str()).collect();
        let temporalities: Vec<&str> = found.iter().map(|(_, metric, _)| metric.temporality.as_str()).collect();
        let starts: Vec<Option<i64>> =
            found.iter().map(|(.., point)| Some(point.start_unix_ns).filter(|ns| *ns != 0)).collect();
        let distributions: Vec<Distribution> = found.iter().map(|(.., point)| Distribution::of(&point.value)).collect();
        let counts: Vec<Option<i64>> = distributions.iter().map(|of| of.count).collect();
        let number = |at: usize| distributions.iter().map(|of| of.numbers[at]).collect::<Vec<_>>();
        let [sum, min, max, p50, p95, p99] = [0, 1, 2, 3, 4, 5].map(number);
        self.update(
            &["temporality", "start_unix_ns", "count", "sum", "min", "max", "p50", "p95", "p99"],
            &["text", "bigint", "bigint", "float8", "float8", "float8", "float8", "float8", "float8"],
            &[&places, &temporalities, &starts, &counts, &sum, &min, &max, &p50, &p95, &p99],
        )
    }

    fn quantiles(&self) -> Result<(), Failure> {
        let (mut places, mut found) = (Vec::new(), Vec::new());
        for row in self.rows(rollups::COUNTS.replace("r.", "s.").as_str(), "s.p50_ns IS NULL")? {
            if let Ok(tally) = rollups::tally(&row) {
                places.push(row.try_get::<_, String>(6)?);
                found.push(rollups::quantiles(&tally));
            }
        }
        let number = |at: usize| found.iter().map(|of| of[at]).collect::<Vec<Option<f64>>>();
        let [p50, p95, p99] = [0, 1, 2].map(number);
        self.update(&["p50_ns", "p95_ns", "p99_ns"], &["float8", "float8", "float8"], &[&places, &p50, &p95, &p99])
    }
}
