//! Finding events, points of metrics and log records.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Metric, Resource};
use tokio_postgres::Row;

use super::super::failure::Failure;
use super::super::partitions::Table;
use super::super::records::{self, EVENT_READ, LOG_READ};
use super::super::rest;
use super::reading::Reading;
use super::way::Asking;
use super::{Asked, Wanted, shared};
use crate::query::Listed;
use crate::{FoundEvent, FoundLog, FoundPoint};

type Resources = HashMap<i64, Arc<Resource>>;

/// Offers the events that match.
pub(super) fn events(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundEvent>) -> Result<(), Failure> {
    let statement = format!("SELECT {EVENT_READ} FROM event s");
    each(reading, wanted, asked, (Table::Event, &statement), |row, resource| {
        let ((trace_id, span_id), event) = records::event(row)?;
        Ok(FoundEvent { trace_id, span_id, event, resource })
    })
}

/// Offers the points that match.
pub(super) fn points(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundPoint>) -> Result<(), Failure> {
    let mut metrics: HashMap<Vec<u8>, Arc<Metric>> = HashMap::new();
    let statement = "SELECT s.metric, s.data, s.resource, s.attributes::text FROM point s";
    each(reading, wanted, asked, (Table::Point, statement), |row, resource| {
        let stored: &[u8] = row.try_get(0)?;
        let metric = match metrics.get(stored) {
            Some(metric) => Arc::clone(metric),
            None => {
                let metric = Arc::new(rest::get(stored)?);
                metrics.insert(stored.to_vec(), Arc::clone(&metric));
                metric
            }
        };
        Ok(FoundPoint { metric, point: rest::point(row.try_get(1)?, row.try_get(3)?)?, resource })
    })
}

/// Offers the log records that match.
pub(super) fn logs(reading: &Reading<'_>, wanted: &Wanted<'_>, asked: &mut Asked<'_, FoundLog>) -> Result<(), Failure> {
    let statement = format!("SELECT {LOG_READ} FROM log s");
    each(reading, wanted, asked, (Table::Log, &statement), |row, resource| Ok(FoundLog { log: records::log(row)?, resource }))
}

/// Offers what matches of a table, by a statement whose third column is the resource.
fn each<T: Listed + Clone>(
    reading: &Reading<'_>,
    wanted: &Wanted<'_>,
    asked: &mut Asked<'_, T>,
    (table, from): (Table, &str),
    mut thing: impl FnMut(&Row, Arc<Resource>) -> Result<T, Failure>,
) -> Result<(), Failure> {
    let asking = Asking { table, from, besides: "TRUE", query: asked.query };
    reading.walk(&asking, wanted, &mut |rows| {
        let resources: Resources =
            reading.remembered.resources.read(reading.link, reading.client, rows.iter().map(|row| row.get(2)))?;
        for row in &rows {
            let resource = shared(resources.get(&row.try_get(2)?))?;
            if !asked.look(thing(row, resource)?, 0, wanted) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}
