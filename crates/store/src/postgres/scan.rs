//! Whole tables, some rows after the others.

use tokio_postgres::Row;

use super::condition::{Value, Values};
use super::connection::Connection;
use super::failure::Failure;
use super::link::Link;
use super::records::{EVENT_READ, LOG_READ, SPAN_READ};
use crate::Selection;

/// So many rows are in memory at once.
const AT_ONCE: usize = 2_000;

/// A table that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Spans,
    Events,
    Links,
    Logs,
    Points,
}

impl Source {
    /// All of them, the first one last.
    pub(super) const ALL: [Self; 5] = [Self::Points, Self::Logs, Self::Links, Self::Events, Self::Spans];

    /// Returns what reading a row takes.
    pub(super) const fn columns(self) -> &'static str {
        match self {
            Self::Spans => SPAN_READ,
            Self::Events => EVENT_READ,
            Self::Links => "s.trace_id, s.span_id, s.data",
            Self::Logs => LOG_READ,
            Self::Points => "s.metric, s.data, s.resource, s.attributes::text",
        }
    }

    pub(super) const fn table(self) -> &'static str {
        match self {
            Self::Spans => "span",
            Self::Events => "event",
            Self::Links => "link",
            Self::Logs => "log",
            Self::Points => "point",
        }
    }

    /// Returns what reads columns of the table, in the order in which it was written, with its values.
    pub(super) fn statement(self, columns: &str, selection: &Selection) -> (String, Values) {
        let mut values = Values::default();
        let mut conditions = vec!["TRUE".to_owned()];
        if let Some(traces) = &selection.traces {
            let traces = values.add(Value::Texts(traces.iter().map(ToString::to_string).collect()));
            conditions.push(format!("s.trace_id = ANY({traces})"));
        }
        let table = self.table();
        let time = match self {
            Self::Spans => "s.start_unix_ns",
            Self::Links => "p.start_unix_ns",
            Self::Events | Self::Logs | Self::Points => "s.unix_ns",
        };
        let mut timely = Vec::new();
        if let Some(start) = selection.start_unix_ns {
            timely.push(format!("{time} >= {}", values.add(Value::Int(start))));
        }
        if let Some(end) = selection.end_unix_ns {
            timely.push(format!("{time} < {}", values.add(Value::Int(end))));
        }
        if !timely.is_empty() {
            let timely = timely.join(" AND ");
            // A link is of the time of its span.
            conditions.push(if self == Self::Links {
                format!("EXISTS (SELECT FROM span p WHERE p.trace_id = s.trace_id AND p.span_id = s.span_id AND {timely})")
            } else {
                timely
            });
        }
        (format!("SELECT {columns} FROM {table} s WHERE {} ORDER BY s.written", conditions.join(" AND ")), values)
    }
}

/// Tables that are read in the transaction of a connection, the last one first.
pub(super) struct Scan<'a> {
    pub(super) link: &'a Link,
    pub(super) client: Connection,
    left: Vec<(Source, (String, Values))>,
    /// Whether the last table is being read.
    is_declared: bool,
}

impl<'a> Scan<'a> {
    pub(super) const fn new(link: &'a Link, client: Connection, left: Vec<(Source, (String, Values))>) -> Self {
        Self { link, client, left, is_declared: false }
    }

    /// Reads some rows of the last table; nothing once all tables were read.
    pub(super) fn read(&mut self) -> Result<Option<(Source, Vec<Row>)>, Failure> {
        let Some((source, (sql, values))) = self.left.last() else { return Ok(None) };
        let source = *source;
        if !self.is_declared {
            let declare = format!("DECLARE export NO SCROLL CURSOR FOR {sql}");
            self.link.wait_long(self.client.execute_typed(&declare, &values.typed()))?;
            self.is_declared = true;
        }
        let rows = self.link.wait_long(self.client.query_typed(&format!("FETCH {AT_ONCE} FROM export"), &[]))?;
        if rows.len() < AT_ONCE {
            self.link.wait(self.client.batch_execute("CLOSE export"))?;
            self.left.pop();
            self.is_declared = false;
        }
        Ok(Some((source, rows)))
    }

    /// Reads nothing more.
    pub(super) fn end(&mut self) {
        self.left.clear();
    }
}
