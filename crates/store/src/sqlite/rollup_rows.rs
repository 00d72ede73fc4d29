//! Roll-ups as the model has them: from the table `rollups`, and from segments that were not merged yet.

use std::collections::BTreeMap;

use flowglass_model::{Buckets, ExponentialHistogram, Rollup, Totals};
use rusqlite::Connection;

use super::failure::Failure;
use super::{rollups, segments};
use crate::RollupFilter;
use crate::sketch::tally::Tally;

const NS_PER_S: i64 = 1_000_000_000;

/// When a period begins, and the pipeline, the name and the node.
pub(crate) type Key = (Option<i64>, String, String, String);

/// Returns counts and durations by time and names.
pub(super) fn list(connection: &Connection, filter: &RollupFilter) -> Result<Vec<Rollup>, Failure> {
    let mut tallies = BTreeMap::new();
    let minutes = filter.minutes();
    for (period_s, from_s, to_s) in periods(filter) {
        add_rows(connection, &mut tallies, filter, (period_s, from_s, to_s))?;
    }
    // What was committed lately is not in the table.
    let waiting = rollups::waiting_in(connection, &segments::live(connection)?)?;
    for (key, tally) in waiting.iter().filter(|(key, _)| minutes.contains(&key.minute)) {
        if filter.pipeline.as_ref().is_none_or(|name| *name == key.pipeline) {
            let start = filter.period_of(key.minute.saturating_mul(60 * NS_PER_S));
            add(&mut tallies, (start, key.pipeline.to_owned(), key.name.to_owned(), key.node.to_owned()), tally);
        }
    }
    Ok(tallies.into_iter().map(|(key, tally)| rollup(key, tally)).collect())
}

/// Cuts the time that is wanted into stored periods, none longer than what must be told apart.
pub(crate) fn periods(filter: &RollupFilter) -> Vec<(i64, i64, i64)> {
    let minutes = filter.minutes();
    let (from_s, to_s) = (minutes.start.saturating_mul(60), minutes.end.saturating_mul(60));
    let asked_s = filter.period_minutes.map_or(i64::MAX, |minutes| i64::from(minutes.max(1)) * 60);
    let fits = |period_s: i64| filter.period_minutes.is_none() || asked_s % period_s == 0;
    // A minute always fits.
    let longest = rollups::PERIODS_S.iter().position(|&period_s| fits(period_s)).unwrap_or(rollups::PERIODS_S.len() - 1);
    rollups::periods(&rollups::PERIODS_S[longest..], from_s, to_s)
}

const SELECT: &str = "
SELECT start_unix_s, pipeline, name, node, count, errors, cached, total_ns, max_ns, durations FROM rollups
WHERE period_s = ?1 AND start_unix_s >= ?2 AND start_unix_s < ?3 AND (?4 IS NULL OR pipeline = ?4)";

fn add_rows(
    connection: &Connection,
    tallies: &mut BTreeMap<Key, Tally>,
    filter: &RollupFilter,
    (period_s, from_s, to_s): (i64, i64, i64),
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(SELECT)?;
    let mut rows = statement.query((period_s, from_s, to_s, &filter.pipeline))?;
    while let Some(row) = rows.next()? {
        let start = filter.period_of(row.get::<_, i64>(0)?.saturating_mul(NS_PER_S));
        let mut tally = Tally::default();
        rollups::add_to(&mut tally, row, 4)?;
        add(tallies, (start, row.get(1)?, row.get(2)?, row.get(3)?), &tally);
    }
    Ok(())
}

fn add(tallies: &mut BTreeMap<Key, Tally>, key: Key, tally: &Tally) {
    tallies.entry(key).or_default().merge(tally);
}

/// Makes a roll-up of a tally.
pub(crate) fn rollup((start_unix_ns, pipeline, name, node): Key, tally: Tally) -> Rollup {
    Rollup {
        start_unix_ns,
        pipeline,
        name,
        node,
        count: tally.count,
        errors: tally.errors,
        cached: tally.cached,
        total_ns: tally.total_ns,
        max_ns: tally.max_ns,
        durations: durations(&tally),
    }
}

/// The stored buckets are those of the model's histograms.
#[expect(clippy::cast_precision_loss, reason = "a bucket is wider than what a float leaves out")]
fn durations(tally: &Tally) -> ExponentialHistogram {
    let (zero_count, offset, counts) = tally.durations.above_zero();
    let totals = Totals { count: tally.count, sum: Some(tally.total_ns as f64), min: None, max: Some(tally.max_ns as f64) };
    ExponentialHistogram { totals, zero_count, positive: Buckets { offset, counts }, ..ExponentialHistogram::default() }
}
