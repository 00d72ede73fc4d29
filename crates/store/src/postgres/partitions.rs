//! Partitions: a table for each day, made ahead, so that a day can be forgotten at once.
//!
//! Days get one within some months before and a day after today, by the server's clock. What is from another time (old runs that are
//! imported, clocks that are wrong) lies in `…_other`, which is never dropped, so that no sender can make any number of tables.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use tokio_postgres::error::SqlState;

use super::failure::Failure;
use super::link::Link;
use super::schema;
use super::session::Session;

pub(super) const NS_PER_DAY: i64 = 86_400_000_000_000;
/// So many days before today get a partition.
const DAYS_BACK: i64 = 100;
/// How long it may take until readers let go of a table.
pub(super) const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";

/// A table with partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    Span,
    Event,
    Log,
    Point,
}

impl Table {
    pub(super) const ALL: [Self; 4] = [Self::Span, Self::Event, Self::Log, Self::Point];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Event => "event",
            Self::Log => "log",
            Self::Point => "point",
        }
    }

    /// Returns the column of times.
    pub(super) const fn time(self) -> &'static str {
        match self {
            Self::Span => "start_unix_ns",
            Self::Event | Self::Log | Self::Point => "unix_ns",
        }
    }

    /// Returns the name of the partition of a day, counted from 1970.
    pub(super) fn partition(self, day: i64) -> Option<String> {
        let date = Timestamp::from_second(day.checked_mul(86_400)?).ok()?;
        Some(format!("{}_{}", self.name(), date.strftime("%Y%m%d")))
    }
}

/// The days for which partitions are known to be there, or not to be wanted.
#[derive(Debug, Default)]
pub(super) struct Known {
    days: HashSet<(Table, i64)>,
    today: i64,
}

impl Known {
    /// Makes the partitions that rows of these days need, and those of tomorrow.
    pub(super) fn ensure(&mut self, link: &Link, session: &mut Session, days: &BTreeSet<(Table, i64)>) -> Result<(), Failure> {
        if days.iter().all(|day| self.days.contains(day)) {
            return Ok(());
        }
        let today = "SELECT floor(extract(epoch FROM clock_timestamp()) / 86400)::bigint";
        self.today = session.number(link, today, &[])?.unwrap_or(self.today);
        let ahead = [self.today, self.today + 1];
        let ahead = Table::ALL.iter().flat_map(|table| ahead.map(|day| (*table, day)));
        let wanted: BTreeSet<_> = days.iter().copied().chain(ahead).collect();
        for (table, day) in wanted {
            if self.days.contains(&(table, day)) {
                continue;
            }
            if (self.today - DAYS_BACK..=self.today + 1).contains(&day) {
                make(link, session, table, day)?;
            }
            self.days.insert((table, day));
        }
        Ok(())
    }

    /// Forgets what it knows: somebody else may have dropped partitions.
    pub(super) fn clear(&mut self) {
        self.days.clear();
    }
}

/// Makes a partition if it isn't there. Where something is in the way, rows of that day go to the table of all other times.
fn make(link: &Link, session: &mut Session, table: Table, day: i64) -> Result<(), Failure> {
    let Some(partition) = table.partition(day) else { return Ok(()) };
    if is_there(link, session, &partition)? {
        return Ok(());
    }
    let lock = schema::lock(&link.options.schema, 1);
    let (parent, from, to) = (table.name(), day * NS_PER_DAY, (day + 1) * NS_PER_DAY);
    session.run(link, &format!("BEGIN; {LOCK_TIMEOUT}; SELECT pg_advisory_xact_lock({lock})"))?;
    if is_there(link, session, &partition)? {
        return session.run(link, "COMMIT");
    }
    let made = session.run(
        link,
        &format!(
            "CREATE TABLE {partition} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
             ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({from}) TO ({to}); COMMIT"
        ),
    );
    match made {
        Err(Failure::Server(error)) if is_in_the_way(&error) => session.run(link, "ROLLBACK"),
        made => made,
    }
}

fn is_there(link: &Link, session: &mut Session, partition: &str) -> Result<bool, Failure> {
    // A function that looks up names may answer from what the connection remembers.
    let sql = "SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = $1::text AND n.nspname = current_schema()";
    Ok(!session.rows(link, sql, &[&partition])?.is_empty())
}

/// Rows of that day are in the table of other times already, or a reader doesn't let go of it.
fn is_in_the_way(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| [SqlState::CHECK_VIOLATION, SqlState::LOCK_NOT_AVAILABLE].contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_called_by_their_days() {
        assert_eq!(Table::Span.partition(19_675).as_deref(), Some("span_20231114"));
        assert_eq!(Table::Log.partition(0).as_deref(), Some("log_19700101"));
        assert_eq!(Table::Log.partition(i64::MAX), None);
    }
}
