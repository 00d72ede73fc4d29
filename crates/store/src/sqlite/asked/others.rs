//! Finding events, points of metrics and logs: in every block that may have some.

use std::sync::Arc;

use flowglass_model::{Batch, Resource};

use super::{Reading, Wanted, needs};
use crate::block::rest;
use crate::query::{Listed, Takes};
use crate::sketch::fingerprint;
use crate::sqlite::failure::Failure;
use crate::sqlite::search::Search;
use crate::{FoundEvent, FoundLog, FoundPoint};

/// Offers the events that match.
pub(super) fn events(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundEvent>,
) -> Result<(), Failure> {
    let of_trace = needs::of(wanted.filter, wanted.now).trace_id.map(fingerprint::trace);
    each(reading, of_trace, &mut |batch, resource| {
        let floor = taker.floor();
        let found = batch.events().filter(|event| event.unix_ns() >= floor).map(|event| {
            let ((trace_id, span_id), event) = (event.owner(), event.to_event());
            FoundEvent { trace_id, span_id, event, resource: Arc::clone(resource) }
        });
        offer(found, wanted, taker);
    })
}

/// Offers the points that match.
pub(super) fn points(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundPoint>,
) -> Result<(), Failure> {
    let of_name = needs::of(wanted.filter, wanted.now).name.as_deref().map(fingerprint::name);
    each(reading, of_name, &mut |batch, resource| {
        for (metric, points) in rest::metrics(batch) {
            let metric = Arc::new(metric);
            let found = points.into_iter().map(|point| FoundPoint {
                metric: Arc::clone(&metric),
                point,
                resource: Arc::clone(resource),
            });
            offer(found, wanted, taker);
        }
    })
}

/// Offers the log records that match.
pub(super) fn logs(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundLog>,
) -> Result<(), Failure> {
    let of_trace = needs::of(wanted.filter, wanted.now).trace_id.map(fingerprint::trace);
    each(reading, of_trace, &mut |batch, resource| {
        let found = batch.logs().map(|log| FoundLog { log: log.to_log(), resource: Arc::clone(resource) });
        offer(found, wanted, taker);
    })
}

fn offer<T: Listed>(found: impl Iterator<Item = T>, wanted: &Wanted<'_>, taker: &mut impl Takes<T>) {
    found.filter(|thing| wanted.matches(thing)).for_each(|thing| taker.offer(thing, 0));
}

/// Opens the blocks that may have something besides spans, and something with this fingerprint: the last first.
fn each(
    reading: &mut Reading<'_, '_>,
    fingerprint: Option<u64>,
    look: &mut dyn FnMut(&Batch, &Arc<Resource>),
) -> Result<(), Failure> {
    let zones = Search::all(reading.connection, fingerprint)?.rest()?;
    for zone in zones.iter().rev().filter(|zone| zone.bounds.events > 0) {
        let resource = reading.resources.of_block(reading.connection, zone.block)?;
        look(&reading.blocks.whole(zone.block)?, &resource);
    }
    Ok(())
}
