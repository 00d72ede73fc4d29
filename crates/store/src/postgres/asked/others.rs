//! Finding events, points of metrics and log records.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Metric, Resource};
use tokio_postgres::Row;

use super::super::failure::Failure;
use super::super::partitions::Table;
use super::super::records;
use super::reading::{Asking, Reading};
use super::{Asked, Wanted, shared};
use crate::query::Listed;
use crate::{FoundEvent, FoundLog, FoundPoint};

type Resources = HashMap<i64, Arc<Resource>>;

/// Offers the events that match.
pub(super) fn events(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundEvent>) -> Result<(), Failure> {
    each(
        reading,
        wanted,
        asked,
        Table::Event,
        "SELECT s.resource, s.data, s.trace_id, s.span_id FROM event s",
        |row, resource| {
            let (trace_id, span_id) = records::owner_at(row, 2)?;
            Ok(FoundEvent { trace_id, span_id, event: records::decode(row.try_get(1)?)?, resource })
        },
    )
}

/// Offers the points that match.
pub(super) fn points(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundPoint>) -> Result<(), Failure> {
    let mut metrics: HashMap<Vec<u8>, Arc<Metric>> = HashMap::new();
    each(reading, wanted, asked, Table::Point, "SELECT s.resource, s.data, s.metric FROM point s", |row, resource| {
        let stored: &[u8] = row.try_get(2)?;
        let metric = match metrics.get(stored) {
            Some(metric) => Arc::clone(metric),
            None => {
                let metric = Arc::new(records::decode(stored)?);
                metrics.insert(stored.to_vec(), Arc::clone(&metric));
                metric
            }
        };
        Ok(FoundPoint { metric, point: records::decode(row.try_get(1)?)?, resource })
    })
}

/// Offers the log records that match.
pub(super) fn logs(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundLog>) -> Result<(), Failure> {
    each(reading, wanted, asked, Table::Log, "SELECT s.resource, s.data FROM log s", |row, resource| {
        Ok(FoundLog { log: records::decode(row.try_get(1)?)?, resource })
    })
}

/// Offers what matches of a table: each row begins with its resource.
fn each<T: Listed + Clone>(
    reading: &Reading<'_>,
    wanted: &Wanted<'_>,
    asked: &mut Asked<'_, T>,
    table: Table,
    from: &'static str,
    mut thing: impl FnMut(&Row, Arc<Resource>) -> Result<T, Failure>,
) -> Result<(), Failure> {
    let asking = Asking { table, from, besides: "TRUE", query: asked.query };
    reading.walk(&asking, wanted, &mut |rows| {
        let resources: Resources = reading.resources.read(reading.link, reading.client, rows.iter().map(|row| row.get(0)))?;
        for row in &rows {
            let resource = shared(resources.get(&row.try_get(0)?))?;
            if !asked.look(thing(row, resource)?, 0, wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
