//! The way to the rows that a question asks for: in their order, until there are enough, or all that an index knows by a condition.

use tokio_postgres::Row;

use super::super::condition::{Condition, Finds, Value, Values};
use super::super::facets::{self, Count};
use super::super::failure::Failure;
use super::super::partitions::{NS_PER_DAY, Table};
use super::Wanted;
use super::counting::of_kind;
use super::order;
use super::reading::{FEWEST_ROWS, MOST_ROWS, Reading};
use super::windows::{Days, Window};
use crate::query::{Query, SortKey};

/// So many of the rows that come first are looked at, to see how often something is there; where it is there as often, those that
/// come first are soon found.
const PROBED_ROWS: i64 = 500;
const OFTEN: i64 = 4;
/// They are looked for in so many stretches of time: a day, the one before, and a week. To plan for all days takes longer than to count.
const PROBED_WINDOWS: usize = 3;
/// To find so many rows by a condition and sort them takes no longer than to find some of them in their order.
const MANY: i64 = 1_000;
const NS_PER_S: i64 = 1_000_000_000;

/// What rows are asked for, of one table.
pub(super) struct Asking<'q> {
    pub(super) table: Table,
    /// The columns and the table, the rows of which are called `s`.
    pub(super) from: &'q str,
    /// What holds for all rows that are asked for.
    pub(super) besides: &'static str,
    pub(super) query: &'q Query,
}

/// How the server finds rows.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// In their order, until there are enough: of one stretch of time after the other.
    InOrder(Vec<Window>),
    /// All that an index knows by the condition, in this stretch of time; they are sorted then.
    ByCondition(Window),
    /// There are none.
    NotAtAll,
}

/// How many of the rows that come first match, and whether there are no others.
struct Among {
    found: i64,
    is_all: bool,
}

/// A question about a table whose rows have an order.
struct Question<'a> {
    asking: &'a Asking<'a>,
    column: &'static str,
    condition: &'a Condition,
    /// What else holds, and the values of both.
    besides: String,
    values: Values,
}

impl Reading<'_> {
    /// Shows the rows that may match, in the order of the query, until `look` has seen enough.
    pub(super) fn walk(
        &self,
        asking: &Asking<'_>,
        wanted: &Wanted<'_>,
        look: &mut dyn FnMut(Vec<Row>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let Asking { from, besides, query, .. } = asking;
        let (condition, mut values) = self.condition(query.select, &query.filter, &wanted.traces)?;
        if condition.is_never() {
            return Ok(());
        }
        let Some(column) = order::column(query) else {
            let sql = format!("{from} WHERE {besides} AND {}", condition.sql);
            // All of it is looked at, whatever came before.
            return self.fetch(&sql, &values, MOST_ROWS, &mut |rows| look(rows).map(|_| true)).map(|_| ());
        };
        let behind = order::behind_cursor(query, column, &mut values).map(|behind| format!(" AND {behind}"));
        let besides = format!("{besides}{}", behind.unwrap_or_default());
        let question = Question { asking, column, condition: &condition, besides, values };
        match self.way(&question)? {
            Way::NotAtAll => Ok(()),
            Way::ByCondition(window) => {
                self.tell("SET LOCAL enable_seqscan = off")?;
                let order = order::afterwards(column, query.sort.descending);
                self.fetch_window(&question, window, &order, look).map(|_| ())
            }
            Way::InOrder(windows) => {
                self.tell("SET LOCAL enable_seqscan = DEFAULT; SET LOCAL cursor_tuple_fraction = 0.0001")?;
                let order = order::by(column, query.sort.descending);
                for window in windows {
                    if !self.fetch_window(&question, window, &order, look)? {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Shows the rows of a stretch of time; says whether `look` wants more.
    fn fetch_window(
        &self,
        question: &Question<'_>,
        window: Window,
        order: &str,
        look: &mut dyn FnMut(Vec<Row>) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let Question { asking: Asking { table, from, query, .. }, condition, besides, .. } = question;
        let mut values = question.values.clone();
        let of_window = window.condition(&format!("s.{}", table.time()), &mut values);
        let sql = format!("{from} WHERE {besides}{of_window} AND {}{order}", condition.sql);
        let seen = query.after.as_ref().map_or(0, |cursor| cursor.seen as usize);
        // One more than asked for tells that there is more, and one behind that it comes behind.
        let first = query.limit.saturating_add(seen).saturating_add(2);
        let first = if condition.is_exact { first.min(MOST_ROWS) } else { first.clamp(FEWEST_ROWS, MOST_ROWS) };
        self.fetch(&sql, &values, first, look)
    }

    /// Says how rows are best found. The server can't tell: it knows how often a column has a value, but not an attribute, and
    /// nothing at all of what was written just now. So we look at some of the rows that come first; what isn't there may be rare, or
    /// frequent at another time: then rows are counted, as far as it matters.
    fn way(&self, question: &Question<'_>) -> Result<Way, Failure> {
        match question.condition.finds {
            Finds::Few => self.way_to_few(question),
            Finds::Unknown => Ok(Way::InOrder(self.windows(question)?)),
            Finds::Some => {
                let windows = self.windows(question)?;
                match self.found_among_first(question, &windows)? {
                    Among { found: OFTEN.., .. } | Among { found: 1.., is_all: true } => return Ok(Way::InOrder(windows)),
                    Among { found: 0, is_all: true } => return Ok(Way::NotAtAll),
                    Among { .. } => {}
                }
                if let Some(way) = self.way_by_counts(question)? {
                    return Ok(way);
                }
                let all = format!("{} AND {}", question.besides, question.condition.sql);
                Ok(match self.count_few(question.asking.table, &all, &question.values)? {
                    Some(0) => Way::NotAtAll,
                    Some(_) => Way::ByCondition(self.times(question.asking.table, &all, &question.values)?),
                    None => Way::InOrder(windows),
                })
            }
        }
    }

    /// Says how rows are best found of which it is counted how often and when there are such; nothing where that isn't enough.
    fn way_by_counts(&self, question: &Question<'_>) -> Result<Option<Way>, Failure> {
        let Question { asking: Asking { query, .. }, column, condition, .. } = question;
        let mut fewest: Option<Vec<Count>> = None;
        for facet in &condition.facets {
            if let Some(days) = facets::counted_whole(self, facet)? {
                let is_asked = |count: &Count| of_kind(count, query.select) > 0 && condition.times.has_some(count);
                let days: Vec<Count> = days.into_values().filter(is_asked).collect();
                fewest = Some(fewest.filter(|fewest| sum(fewest, query) <= sum(&days, query)).unwrap_or(days));
            }
        }
        let Some(days) = fewest else { return Ok(None) };
        let window = |days: &[Count]| {
            let first = days.iter().map(|count| count.first_unix_ns).min()?;
            days.iter().map(|count| count.last_unix_ns).max().map(|last| Window::between(first, last))
        };
        let Some(all) = window(&days) else { return Ok(Some(Way::NotAtAll)) };
        if sum(&days, query) < MANY.unsigned_abs() {
            return Ok(Some(Way::ByCondition(all)));
        }
        let is_in_time = column.strip_prefix("s.") == Some(question.asking.table.time());
        if !condition.is_counted || condition.facets.len() > 1 || !is_in_time {
            return Ok(None);
        }
        let mut days: Vec<Window> =
            days.iter().filter(|count| is_behind(query, count)).filter_map(|day| window(&[*day])).collect();
        if query.sort.descending {
            days.reverse();
        }
        Ok(Some(Way::InOrder(days)))
    }

    /// What belongs to known traces lies where these do.
    fn way_to_few(&self, question: &Question<'_>) -> Result<Way, Failure> {
        let Question {
            asking: Asking { table: Table::Span, .. }, condition: Condition { of_traces: Some(of_traces), .. }, ..
        } = question
        else {
            return Ok(Way::ByCondition(Window::ALL));
        };
        let sql = format!("SELECT min(s.first_unix_ns), max(s.last_unix_ns) FROM trace s WHERE {of_traces}");
        Ok(window(&self.known(&sql, &question.values)?)?.map_or(Way::NotAtAll, Way::ByCondition))
    }

    /// Looks at some of the rows that come first.
    fn found_among_first(&self, question: &Question<'_>, windows: &[Window]) -> Result<Among, Failure> {
        let Question { asking: Asking { table, query, .. }, column, condition, besides, .. } = question;
        let (mut left, mut found, order) = (PROBED_ROWS, 0, order::by(column, query.sort.descending));
        for window in windows.iter().take(PROBED_WINDOWS) {
            let mut values = question.values.clone();
            let of_window = window.condition(&format!("s.{}", table.time()), &mut values);
            let sql = format!(
                "SELECT count(*), count(*) FILTER (WHERE {}) FROM \
                 (SELECT * FROM {} s WHERE {besides}{of_window}{order} LIMIT {left}) s",
                condition.sql,
                table.name(),
            );
            let rows = self.rows(&sql, &values)?;
            let Some(row) = rows.first() else { continue };
            (left, found) = (left - row.try_get::<_, i64>(0)?, found + row.try_get::<_, i64>(1)?);
            if found >= OFTEN || left <= 0 {
                return Ok(Among { found, is_all: false });
            }
        }
        Ok(Among { found, is_all: windows.len() <= PROBED_WINDOWS })
    }

    /// Counts what matches if that isn't much, by an index. Parts of which the server plans nothing anew cost next to nothing.
    pub(super) fn count_few(&self, table: Table, condition: &str, values: &Values) -> Result<Option<u64>, Failure> {
        self.tell("SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan")?;
        let sql = format!("SELECT count(*) FROM (SELECT FROM {} s WHERE {condition} LIMIT {MANY}) s", table.name());
        let rows = self.known(&sql, values)?;
        let count: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0))?;
        Ok(Some(count.max(0).cast_unsigned()).filter(|_| count < MANY))
    }

    /// Returns between which times rows lie of which there are few.
    fn times(&self, table: Table, condition: &str, values: &Values) -> Result<Window, Failure> {
        let time = table.time();
        // Without the bound, the server would look for the first and the last one in the order of all rows.
        let sql = format!(
            "SELECT min(s.t), max(s.t) FROM (SELECT s.{time} AS t FROM {} s WHERE {condition} OFFSET 0) s",
            table.name()
        );
        Ok(window(&self.known(&sql, values)?)?.unwrap_or(Window::ALL))
    }

    /// Returns the stretches of time in which rows are asked for in their order; all at once where that is another one.
    fn windows(&self, question: &Question<'_>) -> Result<Vec<Window>, Failure> {
        let Question { asking: Asking { table, query, .. }, column, .. } = question;
        if column.strip_prefix("s.") != Some(table.time()) {
            return Ok(vec![Window::ALL]);
        }
        let mut days = self.days()?;
        // What comes before the cursor isn't asked for.
        if let Some(SortKey::Int(unix_ns)) = query.after.as_ref().map(|cursor| &cursor.key) {
            let day = unix_ns.div_euclid(NS_PER_DAY);
            if query.sort.descending { days.last = days.last.min(day) } else { days.first = days.first.max(day) }
        }
        Ok(days.windows(query.sort.descending))
    }

    /// Returns between which days there is most. Roll-ups tell it at once; what they don't know of yet is found, too, only later.
    fn days(&self) -> Result<Days, Failure> {
        let today = self.now.0.div_euclid(NS_PER_DAY);
        let mut values = Values::default();
        let period = values.add(Value::Int(NS_PER_DAY / NS_PER_S));
        let edge = |which: &str| format!("(SELECT {which}(start_unix_s) FROM rollup WHERE period_s = {period})");
        let rows = self.known(&format!("SELECT {}, {}", edge("min"), edge("max")), &values)?;
        let day = |at: usize| -> Result<Option<i64>, Failure> {
            let start_s: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(at))?;
            Ok(start_s.map(|start_s| start_s.div_euclid(NS_PER_DAY / NS_PER_S)))
        };
        Ok(Days { first: day(0)?.unwrap_or(today), last: day(1)?.map_or(today, |last| last.min(today)) })
    }
}

/// Returns how many there are in all.
fn sum(days: &[Count], query: &Query) -> u64 {
    days.iter().map(|count| of_kind(count, query.select)).sum()
}

/// Says whether some of what was counted comes behind the cursor of a query in the order of time.
fn is_behind(query: &Query, count: &Count) -> bool {
    match query.after.as_ref().map(|cursor| &cursor.key) {
        Some(SortKey::Int(unix_ns)) if query.sort.descending => count.first_unix_ns <= *unix_ns,
        Some(SortKey::Int(unix_ns)) => count.last_unix_ns >= *unix_ns,
        _ => true,
    }
}

/// Reads the first and the last moment of something; nothing where there is none.
fn window(rows: &[Row]) -> Result<Option<Window>, Failure> {
    let Some(row) = rows.first() else { return Ok(None) };
    let (first, last): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(first.zip(last).map(|(first, last)| Window::between(first, last)))
}
