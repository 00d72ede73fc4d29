//! All that is stored as batches: graphs, spans that have not ended, and then one table after the other.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, Graph, Metric, Resource, WriterId};
use tokio_postgres::Row;

use super::asked::{Reading, open};
use super::condition::{Value, Values};
use super::connection::Connection;
use super::failure::Failure;
use super::link::Link;
use super::records;
use super::remembered::Remembered;
use super::resources::Resources;
use super::rest;
use super::scan::{Scan, Source};
use crate::query::Now;
use crate::selection::Wanted;
use crate::{Exported, Selection, StoreError};

/// Returns what is selected, as one transaction sees it, through a connection of its own.
pub(super) fn export<'a>(
    link: &'a Link,
    remembered: &'a Remembered,
    selection: &Selection,
) -> Result<Exported<'a>, StoreError> {
    let told = |failure: Failure| failure.at(&link.place, "read");
    let client = link.connect().map_err(told)?;
    let first = first(link, &client, remembered, selection).map_err(told)?;
    let sources = Source::ALL.into_iter().filter(|source| selection.traces.is_none() || *source != Source::Points);
    let scan = Scan::new(link, client, sources.map(|source| (source, source.statement(source.columns(), selection))).collect());
    let exporting = Exporting { resources: &remembered.resources, waiting: first, scan };
    Ok(Box::new(exporting.map(move |batch| batch.map_err(told))))
}

/// Returns graphs, and what is open, a batch each.
fn first(link: &Link, client: &Connection, remembered: &Remembered, selection: &Selection) -> Result<Vec<Batch>, Failure> {
    let reading = Reading::begin(link, client, remembered, Now::system())?;
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

/// What is left to be read, the last first.
struct Exporting<'a> {
    resources: &'a Resources,
    waiting: Vec<Batch>,
    scan: Scan<'a>,
}

impl Exporting<'_> {
    /// Reads some rows; nothing once all tables were read.
    fn read(&mut self) -> Result<Option<Vec<Batch>>, Failure> {
        let Some((source, rows)) = self.scan.read()? else { return Ok(None) };
        self.batches(source, &rows).map(Some)
    }

    /// Makes batches of rows that have the same resource each, in their order.
    fn batches(&self, source: Source, rows: &[Row]) -> Result<Vec<Batch>, Failure> {
        let of = |row: &Row| -> Result<i64, Failure> {
            Ok(match source {
                Source::Spans => row.try_get(10)?,
                Source::Events | Source::Logs | Source::Points => row.try_get(2)?,
                Source::Links => 0,
            })
        };
        let numbers = rows.iter().map(of).collect::<Result<Vec<i64>, _>>()?;
        let named = numbers.iter().copied().filter(|number| *number > 0);
        let resources = self.resources.read(self.scan.link, &self.scan.client, named)?;
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
            Source::Events => {
                let (owner, event) = records::event(row)?;
                builder.push_owned_event(owner, &event);
            }
            Source::Links => builder.push_owned_link(records::owner(row)?, &rest::get(row.try_get(2)?)?),
            Source::Logs | Source::Points => builder.push_owned_log(&records::log(row)?),
        }
    }
    Ok(builder.finish())
}

fn push_points(builder: &mut BatchBuilder, rows: &[Row]) -> Result<(), Failure> {
    let mut metrics: HashMap<&[u8], u32> = HashMap::new();
    for row in rows {
        let stored: &[u8] = row.try_get(0)?;
        let metric = match metrics.get(stored) {
            Some(metric) => *metric,
            None => {
                let metric = builder.push_owned_metric(&rest::get::<Metric>(stored)?);
                metrics.insert(stored, metric);
                metric
            }
        };
        builder.push_owned_point(metric, &rest::point(row.try_get(1)?, row.try_get(3)?)?);
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
                        self.scan.end();
                        return Some(Err(failure));
                    }
                },
            }
        }
    }
}
