//! One transaction that reads: what it sees stays the same from the first row to the last.

use std::collections::{HashMap, HashSet};

use flowglass_model::{SpanEvent, SpanId, TraceId};
use tokio_postgres::{Client, Row};

use super::super::condition::{Builder, Condition, Finds, Traces, Values};
use super::super::failure::Failure;
use super::super::link::Link;
use super::super::partitions::Table;
use super::super::records::{self, EVENT_READ};
use super::super::resources::Resources;
use super::Wanted;
use super::order;
use super::spans;
use crate::query::{Expr, InTraces, Now, Query, Select, TraceSets};

/// The most rows that are fetched at once.
const MOST_ROWS: usize = 10_000;
const FEWEST_ROWS: usize = 64;
/// So many of the rows that come first are looked at, to see how often something is there; where it is there as often, those that
/// come first are soon found.
const PROBED_ROWS: usize = 500;
const OFTEN: i64 = 4;
/// To find so many rows by a condition and sort them takes no longer than to find some of them in their order.
const MANY: i64 = 1_000;

/// How the server finds rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// In their order, until there are enough.
    InOrder,
    /// All that an index knows by the condition; they are sorted then.
    ByCondition,
    /// There are none.
    NotAtAll,
}

impl Plan {
    const fn setting(self) -> &'static str {
        match self {
            Self::InOrder => "SET LOCAL cursor_tuple_fraction = 0.0001",
            Self::ByCondition | Self::NotAtAll => "SET LOCAL enable_seqscan = off",
        }
    }
}

/// What is read with, for one question.
pub(in super::super) struct Reading<'a> {
    pub(super) link: &'a Link,
    pub(super) client: &'a Client,
    pub(super) resources: &'a Resources,
    pub(super) now: Now,
}

/// What rows are asked for, of one table.
pub(super) struct Asking<'q> {
    pub(super) table: Table,
    /// The columns and the table, the rows of which are called `s`.
    pub(super) from: &'q str,
    /// What holds for all rows that are asked for.
    pub(super) besides: &'static str,
    pub(super) query: &'q Query,
}

impl<'a> Reading<'a> {
    pub(in super::super) fn begin(
        link: &'a Link,
        client: &'a Client,
        resources: &'a Resources,
        now: Now,
    ) -> Result<Self, Failure> {
        // Rows come through cursors; where all of them are wanted, the server plans for all.
        link.wait(
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL cursor_tuple_fraction = 1"),
        )?;
        Ok(Self { link, client, resources, now })
    }

    pub(in super::super) fn end(self) -> Result<(), Failure> {
        self.link.wait(self.client.batch_execute("COMMIT"))
    }

    /// Returns the condition for a filter, with its values.
    pub(super) fn condition(&self, select: Select, filter: &Expr, traces: &Traces) -> Result<(Condition, Values), Failure> {
        let mut find = |condition: &str, values: &Values| self.resources_with(condition, values);
        let mut builder = Builder { select, now: self.now, traces, find_resources: &mut find, values: Values::default() };
        let condition = builder.expr(filter)?;
        Ok((condition, builder.values))
    }

    fn resources_with(&self, condition: &str, values: &Values) -> Result<Vec<i64>, Failure> {
        let sql = format!("SELECT r.id FROM resource r WHERE {condition}");
        let rows = self.rows(&sql, values)?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Asks for all rows at once.
    pub(in super::super) fn rows(&self, sql: &str, values: &Values) -> Result<Vec<Row>, Failure> {
        self.link.wait(self.client.query_typed(sql, &values.typed()))
    }

    /// Shows the rows that may match, in the order of the query, until `look` has seen enough.
    pub(super) fn walk(
        &self,
        asking: &Asking<'_>,
        wanted: &Wanted<'_>,
        look: &mut dyn FnMut(Vec<Row>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let Asking { from, besides, query, .. } = asking;
        let (condition, mut values) = self.condition(query.select, &query.filter, &wanted.traces)?;
        let column = order::column(query);
        let behind = column.and_then(|column| order::behind_cursor(query, column, &mut values));
        let behind = behind.map(|behind| format!(" AND {behind}")).unwrap_or_default();
        let all = format!("{besides}{behind}");
        let order = match column {
            None => String::new(),
            Some(column) => {
                let order = order::by(column, query.sort.descending);
                let plan = self.plan(asking, &condition, &values, (&all, &order))?;
                if plan == Plan::NotAtAll {
                    return Ok(());
                }
                self.link.wait(self.client.batch_execute(plan.setting()))?;
                if plan == Plan::ByCondition { order::afterwards(column, query.sort.descending) } else { order }
            }
        };
        let sql = format!("{from} WHERE {all} AND {}{order}", condition.sql);
        let seen = query.after.as_ref().map_or(0, |cursor| cursor.seen as usize);
        // One more than asked for tells that there is more.
        let first = query.limit.saturating_add(seen).saturating_add(1);
        let first = if condition.is_exact { first.min(MOST_ROWS) } else { first.clamp(FEWEST_ROWS, MOST_ROWS) };
        self.fetch(&sql, &values, first, &mut |rows| Ok(look(rows)? || column.is_none()))
    }

    /// Says how rows are best found. The server can't tell: it knows how often a column has a value, but not an attribute, and
    /// nothing at all of what was written just now. So we look at some of the rows that come first; what isn't there may be rare, or
    /// frequent at another time: then rows are counted, as far as it matters.
    fn plan(
        &self,
        asking: &Asking<'_>,
        condition: &Condition,
        values: &Values,
        (all, order): (&str, &str),
    ) -> Result<Plan, Failure> {
        match condition.finds {
            Finds::Few => Ok(Plan::ByCondition),
            Finds::Unknown => Ok(Plan::InOrder),
            Finds::Some => {
                let (table, condition) = (asking.table.name(), &condition.sql);
                let among_first = format!(
                    "SELECT count(*) FROM (SELECT * FROM {table} s WHERE {all}{order} LIMIT {PROBED_ROWS}) s WHERE {condition}"
                );
                if self.number(&among_first, values)? >= OFTEN {
                    return Ok(Plan::InOrder);
                }
                self.link.wait(self.client.batch_execute(Plan::ByCondition.setting()))?;
                let in_all = format!("SELECT count(*) FROM (SELECT FROM {table} s WHERE {all} AND {condition} LIMIT {MANY}) s");
                match self.number(&in_all, values)? {
                    0 => Ok(Plan::NotAtAll),
                    count if count < MANY => Ok(Plan::ByCondition),
                    _ => self.link.wait(self.client.batch_execute("SET LOCAL enable_seqscan = on")).map(|()| Plan::InOrder),
                }
            }
        }
    }

    fn number(&self, sql: &str, values: &Values) -> Result<i64, Failure> {
        let rows = self.rows(sql, values)?;
        rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
    }

    /// Fetches rows, ever more at once, until there are no more or `look` has seen enough.
    fn fetch(
        &self,
        sql: &str,
        values: &Values,
        first: usize,
        look: &mut dyn FnMut(Vec<Row>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let declare = format!("DECLARE answer NO SCROLL CURSOR FOR {sql}");
        self.link.wait(self.client.execute_typed(&declare, &values.typed()))?;
        let mut count = first;
        loop {
            let fetch = format!("FETCH {count} FROM answer");
            let rows = self.link.wait(self.client.query_typed(&fetch, &[]))?;
            let is_last = rows.len() < count;
            if !look(rows)? || is_last {
                break;
            }
            count = count.saturating_mul(4).min(MOST_ROWS);
        }
        self.link.wait(self.client.batch_execute("CLOSE answer"))
    }

    /// Returns the traces that have a span which matches.
    pub(super) fn traces_with(&self, filter: &Expr, sets: &TraceSets, traces: &Traces) -> Result<HashSet<TraceId>, Failure> {
        let mut found = HashSet::new();
        let mut look = |span: crate::FoundSpan| {
            if filter.matches(&InTraces { record: &span, traces: sets }, self.now) {
                found.insert(span.span.trace_id);
            }
        };
        let needs_events = filter.needs_events();
        spans::open(self, None, needs_events)?.into_iter().for_each(&mut look);
        let (condition, values) = self.condition(Select::Spans, filter, traces)?;
        let sql = format!("{} WHERE {}", spans::FROM, condition.sql);
        self.fetch(&sql, &values, MOST_ROWS, &mut |rows| {
            spans::read(self, &rows, needs_events)?.into_iter().for_each(|(span, _)| look(span));
            Ok(true)
        })?;
        Ok(found)
    }

    /// Returns the events of the spans of these traces, by their owners.
    pub(super) fn events_of(&self, traces: &HashSet<TraceId>) -> Result<HashMap<(TraceId, SpanId), Vec<SpanEvent>>, Failure> {
        let traces: Vec<String> = traces.iter().map(TraceId::to_string).collect();
        let sql = format!("SELECT {EVENT_READ} FROM event s WHERE s.trace_id = ANY($1) ORDER BY s.unix_ns, s.written");
        let mut events: HashMap<_, Vec<SpanEvent>> = HashMap::new();
        for row in self.link.wait(self.client.query(&sql, &[&traces]))? {
            let (owner, event) = records::event(&row)?;
            events.entry(owner).or_default().push(event);
        }
        Ok(events)
    }

    /// Counts what matches; nothing where that takes a look at each thing.
    pub(super) fn count(&self, select: Select, wanted: &Wanted<'_>) -> Result<Option<u64>, Failure> {
        let (condition, values) = self.condition(select, wanted.filter, &wanted.traces)?;
        let is_of_spans = matches!(select, Select::Runs | Select::Spans);
        if !condition.is_exact || is_of_spans && !spans::open(self, None, false)?.is_empty() {
            return Ok(None);
        }
        let (table, besides) = match select {
            Select::Runs => ("span", "s.run IS NOT NULL"),
            Select::Spans => ("span", "TRUE"),
            Select::Events => ("event", "TRUE"),
            Select::Metrics => ("point", "TRUE"),
            Select::Logs => ("log", "TRUE"),
        };
        let sql = format!("SELECT count(*) FROM {table} s WHERE {besides} AND {}", condition.sql);
        Ok(Some(self.number(&sql, &values)?.max(0).cast_unsigned()))
    }
}
