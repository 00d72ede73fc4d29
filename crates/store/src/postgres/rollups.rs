//! Counts and durations: each commit leaves a tally in its own transaction, so that no writer waits for another's row; many of them are
//! added to the table `rollup` at once.

use std::collections::BTreeMap;

use flowglass_model::Rollup;
use tokio_postgres::{Client, Row};

use super::failure::Failure;
use super::json::storable;
use super::link::Link;
use super::records::stored;
use super::schema;
use super::session::Session;
use crate::RollupFilter;
use crate::block::bytes::Reader;
use crate::sketch::tally::{Tallies, Tally};
use crate::sqlite::rollup_rows::{self, Key};
use crate::sqlite::rollups::{PERIODS_S, RowKey};

/// So many tallies are added at once, at most.
const AT_ONCE: i64 = 4096;
const NS_PER_S: i64 = 1_000_000_000;

/// The primary key of a row, with texts as they are stored.
type StoredKey = (i64, i64, String, String, String);

/// Adds the tallies that wait to the table, unless somebody else does.
pub(super) fn take_up(link: &Link, session: &mut Session) -> Result<(), Failure> {
    session.run(link, "BEGIN")?;
    let lock = schema::lock(&link.options.schema, 2);
    let ours = session.rows(link, "SELECT pg_try_advisory_xact_lock($1)", &[&lock])?;
    if ours.first().is_some_and(|row| row.get(0)) {
        let waiting = session.rows(link, "SELECT id, data FROM tally ORDER BY id LIMIT $1", &[&AT_ONCE])?;
        let ids: Vec<i64> = waiting.iter().map(|row| row.get(0)).collect();
        if !ids.is_empty() {
            add(link, session, rows_of(&tallies(&waiting)?))?;
            session.execute(link, "DELETE FROM tally WHERE id = ANY($1)", &[&ids])?;
        }
    }
    session.run(link, "COMMIT")
}

fn tallies(waiting: &[Row]) -> Result<Tallies, Failure> {
    let mut tallies = Tallies::default();
    for row in waiting {
        tallies.add_stored(row.try_get(1)?).map_err(|damage| Failure::Damaged(damage.0))?;
    }
    Ok(tallies)
}

/// Sums tallies by minute, hour and day.
fn rows_of(tallies: &Tallies) -> BTreeMap<StoredKey, Tally> {
    let mut rows: BTreeMap<StoredKey, Tally> = BTreeMap::new();
    for period_s in PERIODS_S {
        for (key, tally) in tallies.iter() {
            let RowKey { period_s, start_s, pipeline, name, node } = RowKey::of(period_s, key);
            let text = |text| storable(text).into_owned();
            rows.entry((period_s, start_s, text(pipeline), text(name), text(node))).or_default().merge(tally);
        }
    }
    rows
}

pub(super) const COUNTS: &str = "r.count, r.errors, r.cached, r.total_ns, r.max_ns, r.durations";

const KEYS: &str = "unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[])";

const REPLACE: &str = "
INSERT INTO rollup (period_s, start_unix_s, pipeline, name, node, count, errors, cached, total_ns, max_ns, durations,
    p50_ns, p95_ns, p99_ns)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bytea[], $12::float8[], $13::float8[], $14::float8[])
ON CONFLICT (period_s, start_unix_s, pipeline, name, node) DO UPDATE SET count = excluded.count, errors = excluded.errors,
    cached = excluded.cached, total_ns = excluded.total_ns, max_ns = excluded.max_ns, durations = excluded.durations,
    p50_ns = excluded.p50_ns, p95_ns = excluded.p95_ns, p99_ns = excluded.p99_ns";

/// Adds to the rows that are there. Only one writer does so at a time.
fn add(link: &Link, session: &mut Session, mut rows: BTreeMap<StoredKey, Tally>) -> Result<(), Failure> {
    let key = |at: usize| rows.keys().map(move |key| if at == 0 { key.0 } else { key.1 }).collect::<Vec<i64>>();
    let (periods, starts) = (key(0), key(1));
    let pipelines: Vec<String> = rows.keys().map(|key| key.2.clone()).collect();
    let names: Vec<String> = rows.keys().map(|key| key.3.clone()).collect();
    let nodes: Vec<String> = rows.keys().map(|key| key.4.clone()).collect();
    let select = format!(
        "SELECT {COUNTS}, r.period_s, r.start_unix_s, r.pipeline, r.name, r.node FROM rollup r \
         JOIN {KEYS} AS k (period_s, start_unix_s, pipeline, name, node) USING (period_s, start_unix_s, pipeline, name, node)"
    );
    for row in session.rows(link, &select, &[&periods, &starts, &pipelines, &names, &nodes])? {
        let key = (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?, row.try_get(9)?, row.try_get(10)?);
        rows.entry(key).or_default().merge(&tally(&row)?);
    }
    let number = |of: fn(&Tally) -> u64| rows.values().map(|tally| stored(of(tally))).collect::<Vec<i64>>();
    let counts = [
        number(|tally| tally.count),
        number(|tally| tally.errors),
        number(|tally| tally.cached),
        number(|tally| tally.total_ns),
        number(|tally| tally.max_ns),
    ];
    let durations: Vec<Vec<u8>> = rows.values().map(durations).collect();
    let found: Vec<_> = rows.values().map(quantiles).collect();
    let [p50, p95, p99] = [0, 1, 2].map(|at| found.iter().map(|of| of[at]).collect::<Vec<Option<f64>>>());
    let [count, errors, cached, total_ns, max_ns] = &counts;
    session.execute(
        link,
        REPLACE,
        &[&periods, &starts, &pipelines, &names, &nodes, count, errors, cached, total_ns, max_ns, &durations, &p50, &p95, &p99],
    )?;
    Ok(())
}

/// Returns the percentiles 50, 95 and 99, which are columns.
pub(super) fn quantiles(tally: &Tally) -> [Option<f64>; 3] {
    [0.5, 0.95, 0.99].map(|share| tally.durations.quantile_ns(share).map(|found| found.min(tally.max_ns as f64)))
}

fn durations(tally: &Tally) -> Vec<u8> {
    let mut out = Vec::new();
    tally.durations.put(&mut out);
    out
}

/// Reads the columns of [`COUNTS`].
pub(super) fn tally(row: &Row) -> Result<Tally, Failure> {
    let number = |at: usize| row.try_get::<_, i64>(at).map(|number| number.max(0).cast_unsigned());
    let mut tally = Tally {
        count: number(0)?,
        errors: number(1)?,
        cached: number(2)?,
        total_ns: number(3)?,
        max_ns: number(4)?,
        ..Tally::default()
    };
    let damaged = |damage: crate::block::Damaged| Failure::Damaged(damage.0);
    tally.durations.add_stored(&mut Reader::new(row.try_get(5)?)).map_err(damaged)?;
    Ok(tally)
}

/// Reads all rows and tallies, of which nothing comes but what is wrong with them.
pub(super) fn look(link: &Link, session: &mut Session) -> Result<(), Failure> {
    let select = format!("SELECT {COUNTS} FROM rollup r");
    session.rows(link, &select, &[])?.iter().try_for_each(|row| tally(row).map(|_| ()))?;
    tallies(&session.rows(link, "SELECT id, data FROM tally", &[])?).map(|_| ())
}

/// Returns counts and durations by time and names: from the table, and from what was committed lately.
pub(super) fn list(link: &Link, client: &Client, filter: &RollupFilter) -> Result<Vec<Rollup>, Failure> {
    let mut sums: BTreeMap<Key, Tally> = BTreeMap::new();
    link.wait(client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))?;
    let select = format!(
        "SELECT {COUNTS}, r.start_unix_s, r.pipeline, r.name, r.node FROM rollup r WHERE r.period_s = $1 AND r.start_unix_s >= $2 \
         AND r.start_unix_s < $3 AND ($4::text IS NULL OR r.pipeline = $4)"
    );
    let pipeline = filter.pipeline.as_deref().map(storable);
    for (period_s, from_s, to_s) in rollup_rows::periods(filter) {
        for row in link.wait(client.query(&select, &[&period_s, &from_s, &to_s, &pipeline.as_deref()]))? {
            let start = filter.period_of(row.try_get::<_, i64>(6)?.saturating_mul(NS_PER_S));
            sums.entry((start, row.try_get(7)?, row.try_get(8)?, row.try_get(9)?)).or_default().merge(&tally(&row)?);
        }
    }
    let waiting = link.wait(client.query("SELECT id, data FROM tally", &[]))?;
    link.wait(client.batch_execute("COMMIT"))?;
    for (key, tally) in tallies(&waiting)?.iter() {
        let start_unix_ns = key.minute.saturating_mul(60 * NS_PER_S);
        if filter.wants(start_unix_ns, key.pipeline) {
            let names = (key.pipeline.to_owned(), key.name.to_owned(), key.node.to_owned());
            sums.entry((filter.period_of(start_unix_ns), names.0, names.1, names.2)).or_default().merge(tally);
        }
    }
    Ok(sums.into_iter().map(|(key, tally)| rollup_rows::rollup(key, tally)).collect())
}
