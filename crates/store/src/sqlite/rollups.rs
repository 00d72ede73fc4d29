//! The table `rollups`: counts and durations of spans per minute, hour and day, name, node and pipeline. They outlive the spans.

use std::collections::{BTreeMap, HashMap};

use flowglass_model::Rollup;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};

use super::choice::{Eagerness, FAN_IN_AT_REST};
use super::failure::Failure;
use super::merge::Turns;
use super::rows::stored;
use super::segments::{self, Segment};
use crate::NameStatistics;
use crate::block::Damaged;
use crate::block::bytes::Reader;
use crate::sketch::histogram::Histogram;
use crate::sketch::tally::{Tallies, Tally, TallyKey};
use crate::statistics::RollupRow;

/// The lengths of time that there are rows for, in seconds: a question over a year reads days, not half a million minutes.
pub(crate) const PERIODS_S: [i64; 3] = [86_400, 3_600, 60];
const NS_PER_S: i64 = 1_000_000_000;

/// So many merged segments may have tallies that are not in the table: rows are then written less often.
const MOST_WAITING: usize = 16;

/// Adds the tallies that wait with their segments to the table, if there are enough of them; the caller holds the lease. Returns
/// whether there were.
pub(super) fn take_up(turns: &mut Turns<'_>, eagerness: Eagerness) -> Result<bool, Failure> {
    let waiting: Vec<_> = segments::live(turns.connection)?.into_iter().filter(|segment| !segment.tallied).collect();
    let enough = match eagerness {
        Eagerness::Full => waiting.iter().filter(|segment| segment.level > 0).count() >= MOST_WAITING,
        Eagerness::Idle => waiting.len() >= FAN_IN_AT_REST,
        // Whoever looks into the file with another program sees what the last process did.
        Eagerness::AtEnd | Eagerness::Whole => !waiting.is_empty(),
    };
    if enough {
        let tallies = waiting_in(turns.connection, &waiting)?;
        turns.write(|transaction| {
            add(transaction, &tallies)?;
            waiting.iter().try_for_each(|segment| segments::set_tallied(transaction, segment.id)).map_err(Failure::from)
        })?;
    }
    Ok(enough)
}

/// Reads the tallies that wait with these segments.
pub(super) fn waiting_in(connection: &Connection, segments: &[Segment]) -> Result<Tallies, Failure> {
    let mut tallies = Tallies::default();
    for segment in segments.iter().filter(|segment| !segment.tallied) {
        segment.tallies(connection, |bytes| tallies.add_stored(bytes))?;
    }
    Ok(tallies)
}

/// Adds tallies to the rows of their minute, hour and day.
pub(super) fn add(transaction: &Transaction<'_>, tallies: &Tallies) -> Result<(), Failure> {
    let mut table = Table::open(transaction)?;
    for period_s in PERIODS_S {
        let row = |(key, tally)| (RowKey::of(period_s, key), tally);
        let mut rows: Vec<(RowKey<'_>, &Tally)> = tallies.iter().map(row).collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        rows.chunk_by(|a, b| a.0.start_s == b.0.start_s).try_for_each(|period| table.add(period))?;
    }
    Ok(())
}

/// The primary key of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey<'a> {
    pub(crate) period_s: i64,
    pub(crate) start_s: i64,
    pub(crate) pipeline: &'a str,
    pub(crate) name: &'a str,
    pub(crate) node: &'a str,
}

impl<'a> RowKey<'a> {
    /// Returns the row of a period to which a tally belongs.
    pub(crate) const fn of(period_s: i64, TallyKey { minute, pipeline, name, node }: TallyKey<'a>) -> Self {
        let start_s = minute.saturating_mul(60).div_euclid(period_s).saturating_mul(period_s);
        Self { period_s, start_s, pipeline, name, node }
    }

    const fn values(&self) -> (i64, i64, &'a str, &'a str, &'a str) {
        (self.period_s, self.start_s, self.pipeline, self.name, self.node)
    }
}

const HAS_PERIOD: &str = "SELECT EXISTS (SELECT 1 FROM rollups WHERE period_s = ?1 AND start_unix_s = ?2)";

const SELECT: &str = "
SELECT count, errors, cached, total_ns, max_ns, durations FROM rollups
WHERE period_s = ?1 AND start_unix_s = ?2 AND pipeline = ?3 AND name = ?4 AND node = ?5";

const REPLACE: &str = "
INSERT INTO rollups (period_s, start_unix_s, pipeline, name, node, count, errors, cached, total_ns, max_ns, durations)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT DO UPDATE SET count = excluded.count, errors = excluded.errors, cached = excluded.cached,
    total_ns = excluded.total_ns, max_ns = excluded.max_ns, durations = excluded.durations";

/// The table while many rows are written.
struct Table<'t> {
    has_period: CachedStatement<'t>,
    select: CachedStatement<'t>,
    replace: CachedStatement<'t>,
    /// The stored histogram of the row at hand.
    durations: Vec<u8>,
}

impl<'t> Table<'t> {
    fn open(transaction: &'t Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            has_period: transaction.prepare_cached(HAS_PERIOD)?,
            select: transaction.prepare_cached(SELECT)?,
            replace: transaction.prepare_cached(REPLACE)?,
            durations: Vec::new(),
        })
    }

    /// Adds sorted tallies of one period. Most minutes are new, and have no rows to look for.
    fn add(&mut self, tallies: &[(RowKey<'_>, &Tally)]) -> Result<(), Failure> {
        let [(RowKey { period_s, start_s, .. }, _), ..] = tallies else { return Ok(()) };
        let is_known: bool = self.has_period.query_row((period_s, start_s), |row| row.get(0))?;
        for same in tallies.chunk_by(|a, b| a.0 == b.0) {
            match same {
                [(key, tally)] if !is_known => self.write(*key, tally)?,
                _ => self.add_row(same[0].0, same, is_known)?,
            }
        }
        Ok(())
    }

    fn add_row(&mut self, key: RowKey<'_>, same: &[(RowKey<'_>, &Tally)], is_known: bool) -> Result<(), Failure> {
        let mut sum = Tally::default();
        if is_known {
            let old = self.select.query_row(key.values(), |row| Ok(add_to(&mut sum, row, 0)));
            old.optional()?.unwrap_or(Ok(()))?;
        }
        same.iter().for_each(|(_, tally)| sum.merge(tally));
        self.write(key, &sum)
    }

    fn write(&mut self, key: RowKey<'_>, tally: &Tally) -> Result<(), Failure> {
        self.durations.clear();
        tally.durations.put(&mut self.durations);
        self.replace.execute(params![
            key.period_s,
            key.start_s,
            key.pipeline,
            key.name,
            key.node,
            stored(tally.count),
            stored(tally.errors),
            stored(tally.cached),
            stored(tally.total_ns),
            stored(tally.max_ns),
            self.durations
        ])?;
        Ok(())
    }
}

/// Adds a row, of which the counts begin at column `first`.
pub(super) fn add_to(tally: &mut Tally, row: &rusqlite::Row<'_>, first: usize) -> Result<(), Failure> {
    let damaged = |damage: Damaged| Failure::Damaged { place: "a roll-up".to_owned(), damage };
    let bytes = row.get_ref(first + 5)?.as_blob().map_err(rusqlite::Error::from)?;
    tally.merge(&Tally {
        count: row.get(first)?,
        errors: row.get(first + 1)?,
        cached: row.get(first + 2)?,
        total_ns: row.get(first + 3)?,
        max_ns: row.get(first + 4)?,
        durations: Histogram::default(),
    });
    tally.durations.add_stored(&mut Reader::new(bytes)).map_err(damaged)
}

/// Returns counts and durations by name from the whole minutes between these times, the longest in all first.
pub(super) fn by_name(
    connection: &Connection,
    start_unix_ns: Option<i64>,
    end_unix_ns: Option<i64>,
) -> Result<Vec<NameStatistics>, Failure> {
    let minute = |unix_ns: i64| unix_ns.div_euclid(NS_PER_S * 60);
    let first = start_unix_ns.map_or(i64::MIN, |start| minute(start.saturating_sub(1)).saturating_add(1));
    let end = end_unix_ns.map_or(i64::MAX, minute);
    let mut tallies = HashMap::new();
    for (period_s, from_s, to_s) in periods(&PERIODS_S, first.saturating_mul(60), end.saturating_mul(60)) {
        add_rows(connection, &mut tallies, period_s, from_s, to_s)?;
    }
    add_waiting(connection, &mut tallies, first, end)?;
    let mut statistics: Vec<_> = tallies.into_iter().map(|(name, tally)| statistics_of(name, &tally)).collect();
    statistics.sort_by(|a, b| b.total_ns.cmp(&a.total_ns).then_with(|| a.name.cmp(&b.name)));
    Ok(statistics)
}

const SELECT_ROWS: &str = "
SELECT pipeline, name, node, start_unix_s, count, errors, cached, total_ns, max_ns, durations FROM rollups WHERE period_s = ?1";

/// Returns the counts of each period of this length, what was committed since segments were last merged included, in the order
/// of their times.
pub(super) fn rows(connection: &Connection, period_s: i64) -> Result<Vec<RollupRow>, Failure> {
    type Place = (i64, String, String, String);
    let mut tallies: BTreeMap<Place, Tally> = BTreeMap::new();
    let mut statement = connection.prepare_cached(SELECT_ROWS)?;
    let mut rows = statement.query([period_s])?;
    while let Some(row) = rows.next()? {
        let place = (row.get(3)?, row.get(0)?, row.get(1)?, row.get(2)?);
        add_to(tallies.entry(place).or_default(), row, 4)?;
    }
    for (key, tally) in waiting_in(connection, &segments::live(connection)?)?.iter() {
        let RowKey { start_s, pipeline, name, node, .. } = RowKey::of(period_s, key);
        let place = (start_s, pipeline.to_owned(), name.to_owned(), node.to_owned());
        tallies.entry(place).or_default().merge(tally);
    }
    let row = |((start_unix_s, pipeline, name, node), tally): (Place, Tally)| {
        let statistics = statistics_of(name, &tally);
        RollupRow { period_s, start_unix_s, pipeline, node, statistics }
    };
    Ok(tallies.into_iter().map(row).collect())
}

/// Cuts a time into the longest periods that fit: minutes up to a full hour, hours up to a full day, days, and back.
pub(super) fn periods(lengths: &[i64], from_s: i64, to_s: i64) -> Vec<(i64, i64, i64)> {
    fn cut(lengths: &[i64], from_s: i64, to_s: i64, out: &mut Vec<(i64, i64, i64)>) {
        let [length, shorter @ ..] = lengths else { return };
        if from_s >= to_s {
            return;
        }
        let first = if from_s == i64::MIN { from_s } else { from_s.saturating_add(length - 1).div_euclid(*length) * length };
        let last = if to_s == i64::MAX { to_s } else { to_s.div_euclid(*length) * length };
        if first >= last {
            return cut(shorter, from_s, to_s, out);
        }
        cut(shorter, from_s, first, out);
        out.push((*length, first, last));
        cut(shorter, last, to_s, out);
    }
    let mut out = Vec::new();
    cut(lengths, from_s, to_s, &mut out);
    out
}

const SELECT_PERIODS: &str = "
SELECT name, count, errors, cached, total_ns, max_ns, durations FROM rollups
WHERE period_s = ?1 AND start_unix_s >= ?2 AND start_unix_s < ?3";

fn add_rows(
    connection: &Connection,
    tallies: &mut HashMap<String, Tally>,
    period_s: i64,
    from_s: i64,
    to_s: i64,
) -> Result<(), Failure> {
    let mut statement = connection.prepare_cached(SELECT_PERIODS)?;
    let mut rows = statement.query((period_s, from_s, to_s))?;
    while let Some(row) = rows.next()? {
        // Earlier versions wrote a row for each item.
        let name = Rollup::name_of(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
        if !tallies.contains_key(name) {
            tallies.insert(name.to_owned(), Tally::default());
        }
        let sum = tallies.get_mut(name);
        sum.map_or(Ok(()), |sum| add_to(sum, row, 1))?;
    }
    Ok(())
}

/// Adds what was committed lately and is not in the table.
fn add_waiting(connection: &Connection, tallies: &mut HashMap<String, Tally>, first: i64, end: i64) -> Result<(), Failure> {
    let waiting = waiting_in(connection, &segments::live(connection)?)?;
    for (key, tally) in waiting.iter().filter(|(key, _)| (first..end).contains(&key.minute)) {
        match tallies.get_mut(key.name) {
            Some(sum) => sum.merge(tally),
            None => drop(tallies.insert(key.name.to_owned(), tally.clone())),
        }
    }
    Ok(())
}

fn statistics_of(name: String, tally: &Tally) -> NameStatistics {
    let quantile = |part| tally.durations.quantile_ns(part).unwrap_or(0.0).min(tally.max_ns as f64);
    NameStatistics {
        name,
        count: tally.count,
        errors: tally.errors,
        cached: tally.cached,
        total_ns: tally.total_ns,
        max_ns: tally.max_ns,
        p50_ns: quantile(0.5),
        p95_ns: quantile(0.95),
        p99_ns: quantile(0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_into_the_longest_periods() {
        let day = 86_400;
        let periods = |from_s, to_s| periods(&PERIODS_S, from_s, to_s);
        assert_eq!(periods(0, 2 * day), [(day, 0, 2 * day)]);
        assert_eq!(
            periods(day - 7260, 2 * day + 60),
            [(60, day - 7260, day - 7200), (3600, day - 7200, day), (day, day, 2 * day), (60, 2 * day, 2 * day + 60)]
        );
        assert_eq!(periods(60, 180), [(60, 60, 180)]);
        assert_eq!(periods(i64::MIN, i64::MAX), [(day, i64::MIN, i64::MAX)]);
        assert_eq!(periods(5 * day, day), []);
        let parts = periods(-day * 3 + 60, day * 40 + 3660);
        assert!(parts.windows(2).all(|pair| pair[0].2 == pair[1].1), "{parts:?}");
    }
}
