//! Finding events, points of metrics and logs: in the blocks that may have some from the right times.

use std::sync::Arc;

use flowglass_model::{Batch, Resource};

use super::{Reading, Wanted, needs};
use crate::block::rest;
use crate::query::{Listed, Takes};
use crate::sketch::fingerprint::{self, Groups};
use crate::sqlite::failure::Failure;
use crate::sqlite::search::Search;
use crate::{FoundEvent, FoundLog, FoundPoint, SpanFilter};

/// Offers the events that match.
pub(super) fn events(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundEvent>,
) -> Result<(), Failure> {
    let needs = needs::of(wanted.filter, wanted.now);
    each(reading, &needs, of_trace(&needs), &mut |batch, resource| {
        let floor = taker.floor();
        let found = batch.events().filter(|event| event.unix_ns() >= floor).map(|event| {
            let ((trace_id, span_id), event) = (event.owner(), event.to_event());
            FoundEvent { trace_id, span_id, event, resource: Arc::clone(resource) }
        });
        offer(found, wanted, taker);
        taker.floor()
    })
}

/// Offers the points that match.
pub(super) fn points(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundPoint>,
) -> Result<(), Failure> {
    let needs = needs::of(wanted.filter, wanted.now);
    let of_name = needs.name.as_deref().map(fingerprint::of_name).unwrap_or_default();
    each(reading, &needs, of_name, &mut |batch, resource| {
        for (metric, points) in rest::metrics(batch) {
            let metric = Arc::new(metric);
            let found = points.into_iter().map(|point| FoundPoint {
                metric: Arc::clone(&metric),
                point,
                resource: Arc::clone(resource),
            });
            offer(found, wanted, taker);
        }
        taker.floor()
    })
}

/// Offers the log records that match.
pub(super) fn logs(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundLog>,
) -> Result<(), Failure> {
    let needs = needs::of(wanted.filter, wanted.now);
    each(reading, &needs, of_trace(&needs), &mut |batch, resource| {
        let found = batch.logs().map(|log| FoundLog { log: log.to_log(), resource: Arc::clone(resource) });
        offer(found, wanted, taker);
        taker.floor()
    })
}

fn offer<T: Listed>(found: impl Iterator<Item = T>, wanted: &Wanted<'_>, taker: &mut impl Takes<T>) {
    found.filter(|thing| wanted.matches(thing)).for_each(|thing| taker.offer(thing, 0));
}

fn of_trace(needs: &SpanFilter) -> Groups {
    needs.trace_id.map(fingerprint::of_trace).unwrap_or_default()
}

/// Opens the blocks that may have something besides spans from the times that are asked for, and something with these
/// fingerprints: those with the latest times first, down to the time that `look` says is early enough.
fn each(
    reading: &mut Reading<'_, '_>,
    needs: &SpanFilter,
    groups: Groups,
    look: &mut dyn FnMut(&Batch, &Arc<Resource>) -> i64,
) -> Result<(), Failure> {
    let times = needs.min_start_unix_ns..needs.end_start_unix_ns;
    let (mut search, mut floor) = (Search::others(reading.connection, times, groups)?, i64::MIN);
    while let Some(zone) = search.next(floor)? {
        let resource = reading.resources.of_block(reading.connection, zone.block)?;
        floor = floor.max(look(&reading.blocks.whole(zone.block)?, &resource));
    }
    Ok(())
}
