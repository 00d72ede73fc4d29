//! All that is stored, batch by batch: graphs, spans that have not ended, and then one table after the other.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Graph, Metric, MetricPoint, Resource, WriterId};
use tokio_postgres::{Client, Row};

use super::asked::{Reading, open};
use super::condition::{Value, Values};
use super::connection::Connection;
use super::failure::Failure;
use super::link::Link;
use super::records::{self, SPAN_READ};
use super::resources::Resources;
use crate::query::Now;
use crate::selection::Wanted;
use crate::{Exported, Selection, StoreError};

/// So many rows are in memory at once.
const AT_ONCE: usize = 2_000;

/// Returns what is selected, as one transaction sees it, through a connection of its own.
pub(super) fn export<'a>(link: &'a Link, resources: &'a Resources, selection: &Selection) -> Result<Exported<'a>, StoreError> {
    let told = |failure: Failure| failure.at(&link.place, "read");
    let client = link.connect().map_err(told)?;
    let first = first(link, &client, resources, selection).map_err(told)?;
    let tables = Source::ALL.iter().filter(|source| selection.traces.is_none() || **source != Source::Points);
    let tables = tables.map(|source| (*source, source.statement(selection))).collect();
    let exporting = Exporting { link, resources, client, waiting: first, tables, is_declared: false };
    Ok(Box::new(exporting.map(move |batch| batch.map_err(told))))
}

/// Returns graphs, and what is open, a batch each.
fn first(link: &Link, client: &Client, resources: &Resources, selection: &Selection) -> Result<Vec<Batch>, Failure> {
    let reading = Reading::begin(link, client, resources, Now::system())?;
    let mut values = Values::default();
    let of_traces = selection.traces.as_ref().map(|traces| {
        let traces = values.add(Value::Texts(traces.iter().map(ToString::to_string).collect()));
        format!(
            " WHERE g.fingerprint IN (SELECT attributes ->> 'pipeline.fingerprint' FROM span WHERE run IS NOT NULL AND trace_id = ANY({traces}) \
             UNION SELECT attributes ->> 'pipeline.fingerprint' FROM open_span WHERE run IS NOT NULL AND trace_id = ANY({traces}))"
        )
    });
    let sql = format!("SELECT g.data FROM graph g{} ORDER BY g.fingerprint", of_traces.unwrap_or_default());
    let graph = |row: &Row| {
        serde_json::from_str::<Graph>(row.try_get(0)?).map(Arc::new).map_err(|_| Failure::Damaged("a graph can't be read"))
    };
    let graphs = reading.rows(&sql, &values)?.iter().map(graph).collect::<Result<Vec<_>, _>>()?;
    let mut first = vec![Batch { graphs, ..Batch::default() }];
    let wanted = Wanted::new(selection);
    let open = open(&reading, None, false)?.into_iter();
    for found in open.filter(|found| wanted.has(found.span.trace_id, found.span.start_unix_ns)) {
        let mut builder = BatchBuilder::new(WriterId::default(), 0, found.resource);
        builder.push(&found.span);
        first.push(builder.finish());
    }
    first.reverse();
    Ok(first)
}

/// A table that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Spans,
    Events,
    Links,
    Logs,
    Points,
}

impl Source {
    const ALL: [Self; 5] = [Self::Points, Self::Logs, Self::Links, Self::Events, Self::Spans];

    /// Returns what reads the table, in the order in which it was written, with its values.
    fn statement(self, selection: &Selection) -> (String, Values) {
        let mut values = Values::default();
        let mut conditions = vec!["TRUE".to_owned()];
        if let Some(traces) = &selection.traces {
            let traces = values.add(Value::Texts(traces.iter().map(ToString::to_string).collect()));
            conditions.push(format!("s.trace_id = ANY({traces})"));
        }
        let (columns, table, time) = match self {
            Self::Spans => (SPAN_READ, "span", "s.start_unix_ns"),
            Self::Events => ("s.trace_id, s.span_id, s.data, s.resource", "event", "s.unix_ns"),
            Self::Links => ("s.trace_id, s.span_id, s.data", "link", "p.start_unix_ns"),
            Self::Logs => ("s.data, s.resource", "log", "s.unix_ns"),
            Self::Points => ("s.data, s.metric, s.resource", "point", "s.unix_ns"),
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

/// What is left to be read, the last first.
struct Exporting<'a> {
    link: &'a Link,
    resources: &'a Resources,
    client: Connection,
    waiting: Vec<Batch>,
    tables: Vec<(Source, (String, Values))>,
    /// Whether the last table is being read.
    is_declared: bool,
}

impl Exporting<'_> {
    /// Reads some rows of the last table; nothing once all tables were read.
    fn read(&mut self) -> Result<Option<Vec<Batch>>, Failure> {
        let Some((source, (sql, values))) = self.tables.last() else { return Ok(None) };
        if !self.is_declared {
            let declare = format!("DECLARE export NO SCROLL CURSOR FOR {sql}");
            self.link.wait_long(self.client.execute_typed(&declare, &values.typed()))?;
            self.is_declared = true;
        }
        let rows = self.link.wait_long(self.client.query_typed(&format!("FETCH {AT_ONCE} FROM export"), &[]))?;
        let batches = self.batches(*source, &rows)?;
        if rows.len() < AT_ONCE {
            self.link.wait(self.client.batch_execute("CLOSE export"))?;
            self.tables.pop();
            self.is_declared = false;
        }
        Ok(Some(batches))
    }

    /// Makes batches of rows that have the same resource each, in their order.
    fn batches(&self, source: Source, rows: &[Row]) -> Result<Vec<Batch>, Failure> {
        let of = |row: &Row| -> Result<i64, Failure> {
            Ok(match source {
                Source::Spans => row.try_get(10)?,
                Source::Events => row.try_get(3)?,
                Source::Logs => row.try_get(1)?,
                Source::Points => row.try_get(2)?,
                Source::Links => 0,
            })
        };
        let numbers = rows.iter().map(of).collect::<Result<Vec<i64>, _>>()?;
        let named = numbers.iter().copied().filter(|number| *number > 0);
        let resources = self.resources.read(self.link, &self.client, named)?;
        let (mut batches, mut start) = (Vec::new(), 0);
        for same in numbers.chunk_by(|a, b| a == b) {
            let part = &rows[start..start + same.len()];
            start += same.len();
            batches.push(batch(source, part, resources.get(&same[0]))?);
        }
        batches.reverse();
        Ok(batches)
    }
}

fn batch(source: Source, rows: &[Row], resource: Option<&Arc<Resource>>) -> Result<Batch, Failure> {
    let mut builder = BatchBuilder::new(WriterId::default(), 0, resource.cloned().unwrap_or_default());
    if source == Source::Points {
        push_points(&mut builder, rows)?;
        return Ok(builder.finish());
    }
    for row in rows {
        match source {
            Source::Spans => builder.push(&records::span(row)?.0),
            Source::Events => builder.push_owned_event(records::owner(row)?, &records::decode(row.try_get(2)?)?),
            Source::Links => builder.push_owned_link(records::owner(row)?, &records::decode(row.try_get(2)?)?),
            Source::Logs | Source::Points => builder.push_owned_log(&records::decode(row.try_get(0)?)?),
        }
    }
    Ok(builder.finish())
}

fn push_points(builder: &mut BatchBuilder, rows: &[Row]) -> Result<(), Failure> {
    let mut metrics: HashMap<&[u8], u32> = HashMap::new();
    for row in rows {
        let stored: &[u8] = row.try_get(1)?;
        let metric = match metrics.get(stored) {
            Some(metric) => *metric,
            None => {
                let metric = builder.push_owned_metric(&records::decode::<Metric>(stored)?);
                metrics.insert(stored, metric);
                metric
            }
        };
        builder.push_owned_point(metric, &records::decode::<MetricPoint>(row.try_get(0)?)?);
    }
    Ok(())
}

impl Iterator for Exporting<'_> {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.waiting.pop() {
                Some(batch) if batch.is_empty() => {}
                Some(batch) => return Some(Ok(batch)),
                None => match self.read() {
                    Ok(Some(batches)) => self.waiting = batches,
                    Ok(None) => return None,
                    Err(failure) => {
                        self.tables.clear();
                        return Some(Err(failure));
                    }
                },
            }
        }
    }
}
