//! Counting what matches: by bounds and facets where these decide, else by looking at each thing once, never page by page.

use flowglass_model::Status;
use rusqlite::Connection;

use super::needs::{self, Needs};
use super::spans::{Scope, Walk, is_replaced};
use super::{Reading, Wanted, others, roots};
use crate::query::{Counter, Expr, Now, Query, Select, Takes, TraceSets};
use crate::sketch::zones::Bounds;
use crate::sqlite::failure::Failure;
use crate::sqlite::liveness::Liveness;
use crate::sqlite::search::Search;
use crate::sqlite::segments::{self, Segment};
use crate::sqlite::spans::{count_in_blocks, rows_of_head};
use crate::{FoundSpan, SpanFilter};

/// Returns how many things match.
pub(in crate::sqlite) fn count(
    connection: &Connection,
    liveness: &mut Liveness<'_>,
    query: &Query,
    now: Now,
) -> Result<u64, Failure> {
    let mut reading = Reading::new(connection, liveness, now);
    let traces = TraceSets::find(&query.filter, |expr, traces| reading.traces_with(expr, traces))?;
    let wanted = Wanted { filter: &query.filter, traces: &traces, now };
    let mut counter = Counter::default();
    match query.select {
        Select::Runs => roots::find(&mut reading, &wanted, &mut counter)?,
        Select::Spans => spans(&mut reading, &wanted, &mut counter)?,
        Select::Events => others::events(&mut reading, &wanted, &mut counter)?,
        Select::Metrics => others::points(&mut reading, &wanted, &mut counter)?,
        Select::Logs => others::logs(&mut reading, &wanted, &mut counter)?,
    }
    Ok(counter.finish())
}

fn spans(reading: &mut Reading<'_, '_>, wanted: &Wanted<'_>, counter: &mut Counter) -> Result<(), Failure> {
    let scope = Scope::of(reading, wanted, false)?;
    let known = Known::of(wanted.filter, &scope, wanted.now);
    let mut counting = Counting { known, sum: 0, counted_in: Vec::new(), looked_into: Vec::new() };
    if counting.known.is_something() {
        counting.all(reading, &scope)?;
    } else {
        let zones = Search::among(reading.connection, &scope.needs, scope.groups.clone())?.rest()?;
        counting.looked_into.extend(zones.into_iter().map(|zone| zone.block));
    }
    if let Known::Facets(key) = counting.known {
        counting.sum += count_in_blocks(reading.connection, &counting.counted_in, key, &scope.groups[0])?;
    }
    counter.add(counting.sum);
    let mut look = |reading: &mut Reading<'_, '_>, found: FoundSpan, block: i64| {
        if wanted.matches(&found) && !is_replaced(reading, &found.span)? {
            counter.offer(found, block);
        }
        Ok(i64::MIN)
    };
    let mut walk = Walk::new(&scope, &mut look);
    walk.over_open(reading)?;
    counting.looked_into.into_iter().try_for_each(|block| walk.over(reading, block))
}

/// What sketches can decide of a filter.
enum Known {
    /// Nothing: each span must be looked at.
    Nothing,
    /// All of it, by bounds and heads.
    Bounds,
    /// All of it; besides by bounds, by how often the attribute with this key has one of the values.
    Facets(u64),
}

impl Known {
    fn of(filter: &Expr, scope: &Scope, now: Now) -> Self {
        match needs::keys(filter).as_slice() {
            _ if !Needs::of(filter, now).is_all => Self::Nothing,
            [] => Self::Bounds,
            // A key that resources have, too, and a value that sketches don't know have no group.
            [key] if scope.groups.len() == 1 => Self::Facets(*key),
            _ => Self::Nothing,
        }
    }

    const fn is_something(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

/// A count on its way: segment by segment, and within those block by block.
struct Counting {
    known: Known,
    sum: u64,
    /// Blocks of which only the attributes with one key must be looked at.
    counted_in: Vec<i64>,
    /// Blocks of which each span must be looked at.
    looked_into: Vec<i64>,
}

impl Counting {
    fn all(&mut self, reading: &mut Reading<'_, '_>, scope: &Scope) -> Result<(), Failure> {
        for segment in segments::live(reading.connection)? {
            if !self.whole(reading, &segment, scope)? {
                self.by_blocks(reading, &segment, scope)?;
            }
        }
        Ok(())
    }

    /// Counts a whole segment by what is known of it, and says whether that was enough.
    fn whole(&mut self, reading: &Reading<'_, '_>, segment: &Segment, scope: &Scope) -> Result<bool, Failure> {
        let Some(spans) = counted(&segment.bounds, &scope.needs) else { return Ok(false) };
        let count = match self.known {
            Known::Nothing => None,
            Known::Bounds => Some(spans),
            Known::Facets(_) if spans == 0 => Some(0),
            // How many of the failed ones have an attribute is not counted.
            Known::Facets(_) if spans != segment.bounds.spans => None,
            Known::Facets(key) => of_values(reading.connection, segment, key, &scope.groups[0])?,
        };
        self.sum += count.unwrap_or(0);
        Ok(count.is_some())
    }

    fn by_blocks(&mut self, reading: &mut Reading<'_, '_>, segment: &Segment, scope: &Scope) -> Result<(), Failure> {
        let places = match self.known {
            Known::Facets(_) => Some(segment.places_with(reading.connection, &scope.groups)?),
            _ => None,
        };
        let zones = match places {
            Some(places) if places.is_empty() => return Ok(()),
            Some(places) => segment.zones_at(reading.connection, &places)?,
            None => segment.zones(reading.connection)?,
        };
        for zone in zones {
            match (&self.known, counted(&zone.bounds, &scope.needs)) {
                (_, Some(0)) => {}
                (Known::Bounds, Some(spans)) => self.sum += spans,
                (Known::Facets(_), Some(spans)) if spans == zone.bounds.spans => self.counted_in.push(zone.block),
                (Known::Bounds, None) if !may_be_given_up(&zone.bounds, &scope.needs) => {
                    self.sum += rows_of_head(&reading.blocks.head(zone.block)?, &scope.needs).count() as u64;
                }
                _ => self.looked_into.push(zone.block),
            }
        }
        Ok(())
    }
}

/// Adds up how often an attribute has one of these values in a segment; nothing where its values are not counted.
fn of_values(connection: &Connection, segment: &Segment, key: u64, values: &[u64]) -> Result<Option<u64>, Failure> {
    let counts = values.iter().map(|&value| segment.count(connection, key, value)).collect::<Result<Vec<_>, _>>()?;
    Ok(counts.into_iter().sum())
}

/// Returns how many of the spans within bounds fulfil a filter, where bounds alone tell.
fn counted(bounds: &Bounds, needs: &SpanFilter) -> Option<u64> {
    let beyond = bounds.max_start_unix_ns < needs.min_start_unix_ns
        || bounds.min_start_unix_ns >= needs.end_start_unix_ns
        || bounds.max_duration_ns < needs.min_duration_ns
        || bounds.min_duration_ns > needs.max_duration_ns;
    let within = bounds.min_start_unix_ns >= needs.min_start_unix_ns
        && bounds.max_start_unix_ns < needs.end_start_unix_ns
        && bounds.min_duration_ns >= needs.min_duration_ns
        && bounds.max_duration_ns <= needs.max_duration_ns
        && needs.name.is_none()
        && needs.trace_id.is_none();
    match needs.status {
        _ if bounds.spans == 0 || beyond => Some(0),
        Some(status) if !bounds.may_have(status) => Some(0),
        _ if !within || may_be_given_up(bounds, needs) => None,
        None => Some(bounds.spans),
        Some(Status::Error) => Some(bounds.errors),
        Some(status) => bounds.has_only(status).then_some(bounds.spans),
    }
}

/// Says whether spans that were given up, of which some may have ended all the same, may be among those that are counted.
fn may_be_given_up(bounds: &Bounds, needs: &SpanFilter) -> bool {
    bounds.may_have(Status::Interrupted) && needs.status.is_none_or(|status| status == Status::Interrupted)
}
