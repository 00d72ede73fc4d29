//! One transaction that reads: what it sees stays the same from the first row to the last.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::pin::pin;

use flowglass_model::{SpanEvent, SpanId, TraceId};
use futures_util::TryStreamExt;
use futures_util::future::try_join;
use tokio_postgres::Row;

use super::super::condition::{Builder, Condition, Traces, Value, Values};
use super::super::connection::Connection;
use super::super::copy::Fields;
use super::super::failure::Failure;
use super::super::link::Link;
use super::super::records::{self, EVENT_READ};
use super::super::remembered::Remembered;
use super::spans;
use crate::query::{Expr, InTraces, Now, Select, TraceSets};

/// The most rows that are fetched at once.
pub(super) const MOST_ROWS: usize = 10_000;
pub(super) const FEWEST_ROWS: usize = 64;
/// Rows come through cursors; where all of them are wanted, the server plans for all. Few are, so that to start processes for them takes
/// longer than to find them.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL cursor_tuple_fraction = 1; \
                     SET LOCAL max_parallel_workers_per_gather = 0";

/// What is read with, for one question.
pub(in super::super) struct Reading<'a> {
    pub(super) link: &'a Link,
    pub(super) client: &'a Connection,
    pub(in super::super) remembered: &'a Remembered,
    pub(super) now: Now,
    /// How many cursors were opened.
    cursors: Cell<u32>,
}

impl<'a> Reading<'a> {
    pub(in super::super) fn begin(
        link: &'a Link,
        client: &'a Connection,
        remembered: &'a Remembered,
        now: Now,
    ) -> Result<Self, Failure> {
        client.tell(BEGIN)?;
        Ok(Self { link, client, remembered, now, cursors: Cell::default() })
    }

    pub(in super::super) fn end(self) -> Result<(), Failure> {
        self.link.wait(self.client.batch_execute("COMMIT"))
    }

    /// Says something that has no answer.
    pub(super) fn tell(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.client.tell(sql)?)
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

    /// Asks for all rows at once, by a statement that is asked often: the server plans it once for all values, if that is as good.
    pub(in super::super) fn known(&self, sql: &str, values: &Values) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        self.each(sql, values, |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// As [`known`](Self::known), but takes each row as soon as it is there, while the server is at the next ones.
    pub(in super::super) fn each(
        &self,
        sql: &str,
        values: &Values,
        mut take: impl FnMut(Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let (values, types): (Vec<_>, Vec<_>) = values.typed().into_iter().unzip();
        self.link.wait(async {
            let statement = self.client.prepared(sql, &types).await?;
            let mut rows = pin!(self.client.query_raw(&statement, values).await?);
            while let Some(row) = rows.try_next().await? {
                take(row)?;
            }
            Ok::<(), Failure>(())
        })
    }

    /// Copies the rows of a statement without values, which is a quicker way to very many of them; takes each as soon as it is there.
    pub(in super::super) fn copy(
        &self,
        sql: &str,
        mut take: impl FnMut(Fields<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.link.wait(async {
            let statement = self.client.prepare(&format!("COPY ({sql}) TO STDOUT (FORMAT binary)")).await?;
            let mut messages = pin!(self.client.copy_out(&statement).await?);
            while let Some(message) = messages.try_next().await? {
                Fields::of_message(&message)?.map_or(Ok(()), &mut take)?;
            }
            Ok::<(), Failure>(())
        })
    }

    pub(super) fn number(&self, sql: &str, values: &Values) -> Result<i64, Failure> {
        let rows = self.rows(sql, values)?;
        rows.first().map_or(Ok(0), |row| Ok(row.try_get(0)?))
    }

    /// Fetches rows, ever more at once, until there are no more or `look` has seen enough; says whether it wants more.
    pub(super) fn fetch(
        &self,
        sql: &str,
        values: &Values,
        first: usize,
        look: &mut dyn FnMut(Vec<Row>) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let cursor = format!("answer{}", self.cursors.replace(self.cursors.get() + 1));
        let declare = format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}");
        let (typed, mut count) = (values.typed(), first);
        // Both go together: the server answers the second one at once.
        let declared = self.client.execute_typed(&declare, &typed);
        let fetch = format!("FETCH {count} FROM {cursor}");
        let mut rows = self.link.wait(async { try_join(declared, self.client.query_typed(&fetch, &[])).await })?.1;
        loop {
            let is_last = rows.len() < count;
            let goes_on = look(rows)?;
            if !goes_on || is_last {
                self.tell(&format!("CLOSE {cursor}"))?;
                return Ok(goes_on);
            }
            count = count.saturating_mul(4).min(MOST_ROWS);
            rows = self.link.wait(self.client.query_typed(&format!("FETCH {count} FROM {cursor}"), &[]))?;
        }
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
        let mut values = Values::default();
        let traces = values.add(Value::Texts(traces.iter().map(TraceId::to_string).collect()));
        let sql = format!("SELECT {EVENT_READ} FROM event s WHERE s.trace_id = ANY({traces}) ORDER BY s.unix_ns, s.written");
        let mut events: HashMap<_, Vec<SpanEvent>> = HashMap::new();
        self.each(&sql, &values, |row| {
            let (owner, event) = records::event(&row)?;
            events.entry(owner).or_default().push(event);
            Ok(())
        })?;
        Ok(events)
    }
}
