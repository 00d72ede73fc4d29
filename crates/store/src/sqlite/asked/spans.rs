//! Finding spans: those that are open, then block by block, the latest starts first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use flowglass_model::{Batch, Span, SpanEvent, SpanId, SpanType, TraceId, conventions as names};

use super::{Reading, Wanted, needs};
use crate::query::{Takes, certainty};
use crate::sketch::fingerprint;
use crate::sqlite::failure::Failure;
use crate::sqlite::search::Search;
use crate::sqlite::spans::rows_of_head;
use crate::{FoundSpan, SpanFilter};

/// Offers the spans that match.
pub(super) fn find(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    taker: &mut impl Takes<FoundSpan>,
) -> Result<(), Failure> {
    each(reading, wanted, &mut |found, block| {
        taker.offer(found, block);
        taker.floor()
    })
}

/// Shows every span that matches, down to the start that `show` says is early enough.
pub(super) fn each(
    reading: &mut Reading<'_, '_>,
    wanted: &Wanted<'_>,
    show: &mut dyn FnMut(FoundSpan, i64) -> i64,
) -> Result<(), Failure> {
    let scope = Scope::of(reading, wanted, false)?;
    walk(reading, &scope, &mut |reading, found, block| {
        if !wanted.matches(&found) || is_replaced(reading, &found.span)? {
            return Ok(i64::MIN);
        }
        Ok(show(found, block))
    })
}

/// Which spans are walked over.
pub(super) struct Scope {
    /// What bounds and sketches know of them.
    pub(super) needs: SpanFilter,
    /// Fingerprints of which they have one each.
    pub(super) groups: Vec<Vec<u64>>,
    /// Whether they come with their events.
    events: bool,
    /// Whether only those can matter that stand for a pipeline.
    roots: bool,
}

impl Scope {
    /// Finds out what a filter asks for: of spans, or of runs, which have attributes and times of their roots.
    pub(super) fn of(reading: &Reading<'_, '_>, wanted: &Wanted<'_>, roots: bool) -> Result<Self, Failure> {
        let mut needs = needs::of(wanted.filter, wanted.now);
        if roots {
            // A run isn't called as its root is.
            needs.name = None;
        }
        let is_own = |key: &str| roots && key == names::PIPELINE_NAME;
        let groups = needs::groups(wanted.filter, |key| Ok::<_, Failure>(is_own(key) || reading.is_of_resources(key)?))?;
        Ok(Self { needs, groups, events: wanted.filter.needs_events(), roots })
    }
}

/// Looks at a span of a block (0: it is open), and says which starts are of no interest from now on.
pub(super) type Look<'l> = dyn FnMut(&mut Reading<'_, '_>, FoundSpan, i64) -> Result<i64, Failure> + 'l;

/// Walks over the open spans, then over the blocks that may matter, the latest starts first.
pub(super) fn walk(reading: &mut Reading<'_, '_>, scope: &Scope, look: &mut Look<'_>) -> Result<(), Failure> {
    let mut walk = Walk::new(scope, look);
    walk.over_open(reading)?;
    let mut search = Search::among(reading.connection, &scope.needs, scope.groups.clone())?;
    while let Some(zone) = search.next(walk.floor)? {
        walk.over(reading, zone.block)?;
    }
    Ok(())
}

/// A walk over spans that are shown one by one.
pub(super) struct Walk<'w, 'l> {
    scope: &'w Scope,
    look: &'w mut Look<'l>,
    events: Events,
    /// Earlier starts are of no interest any more.
    floor: i64,
}

impl<'w, 'l> Walk<'w, 'l> {
    pub(super) fn new(scope: &'w Scope, look: &'w mut Look<'l>) -> Self {
        Self { scope, look, events: Events { wanted: scope.events, ..Events::default() }, floor: i64::MIN }
    }

    /// Shows the spans that are open.
    pub(super) fn over_open(&mut self, reading: &mut Reading<'_, '_>) -> Result<(), Failure> {
        for mut found in open(reading, self.scope.needs.trace_id)? {
            self.events.read(reading, &HashSet::from([found.span.trace_id]))?;
            self.events.give(&mut found.span);
            self.floor = self.floor.max((self.look)(reading, found, 0)?);
        }
        Ok(())
    }

    /// Shows the spans of a block that its head doesn't rule out.
    pub(super) fn over(&mut self, reading: &mut Reading<'_, '_>, block: i64) -> Result<(), Failure> {
        let scope = self.scope;
        let head = reading.blocks.head(block)?;
        let rows = rows_of_head(&head, &scope.needs).filter(|&row| head.spans.start_unix_ns[row] >= self.floor);
        let rows: Vec<usize> = rows.filter(|&row| !scope.roots || head.spans.span_type[row] == SpanType::Pipeline).collect();
        if rows.is_empty() {
            return Ok(());
        }
        let batch = reading.blocks.body(block, head)?;
        let resource = reading.resources.of_block(reading.connection, block)?;
        let is_of_trace = |&row: &usize| scope.needs.trace_id.is_none_or(|trace| batch.spans.trace_id[row] == trace);
        let rows: Vec<usize> = rows.into_iter().filter(is_of_trace).collect();
        self.events.read(reading, &rows.iter().map(|&row| batch.spans.trace_id[row]).collect())?;
        for span in rows.into_iter().filter_map(|row| batch.spans().nth(row)) {
            if span.row().start_unix_ns < self.floor {
                continue;
            }
            let mut found = FoundSpan { span: span.to_span(), resource: Arc::clone(&resource) };
            self.events.give(&mut found.span);
            self.floor = self.floor.max((self.look)(reading, found, block)?);
        }
        Ok(())
    }
}

/// Says whether something more certain is known of a span that seems to run, or to have been interrupted.
pub(super) fn is_replaced(reading: &mut Reading<'_, '_>, span: &Span) -> Result<bool, Failure> {
    Ok(certainty(span.status) < 2 && has_ended(reading, span)?)
}

/// Returns the spans that have not ended, as they stand now.
fn open(reading: &mut Reading<'_, '_>, trace: Option<TraceId>) -> Result<Vec<FoundSpan>, Failure> {
    let mut statement =
        reading.connection.prepare_cached("SELECT writer, data FROM open_span WHERE ?1 IS NULL OR trace = ?1")?;
    let mut rows = statement.query([trace.map(TraceId::to_bytes)])?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next()? {
        let writer = row.get(0)?;
        let seen = reading.liveness.of(writer)?;
        let resource = reading.resources.of_writer(reading.connection, writer)?;
        let batch = reading.blocks.joined(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        for span in batch.spans() {
            let mut span = span.to_span();
            span.status = seen.status();
            span.duration_ns = seen.duration_ns(span.start_unix_ns, span.duration_ns);
            spans.push(FoundSpan { span, resource: Arc::clone(&resource) });
        }
    }
    Ok(spans)
}

fn has_ended(reading: &mut Reading<'_, '_>, span: &Span) -> Result<bool, Failure> {
    for zone in Search::all(reading.connection, fingerprint::of_trace(span.trace_id))?.rest()? {
        let rows = reading.blocks.ids(zone.block)?;
        let is_end = |&row: &usize| {
            (rows.trace_id[row], rows.span_id[row]) == (span.trace_id, span.span_id)
                && rows.start_unix_ns[row] == span.start_unix_ns
                && certainty(rows.status[row]) > 1
        };
        if (0..rows.len()).any(|row| is_end(&row)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The most spans whose events are remembered.
const MOST_OWNERS: usize = 1 << 16;

/// Events by their spans, read when a filter looks at them.
#[derive(Default)]
struct Events {
    wanted: bool,
    read: HashSet<TraceId>,
    of_spans: HashMap<(TraceId, SpanId), Vec<SpanEvent>>,
}

impl Events {
    /// Reads the events of these traces: each block once.
    fn read(&mut self, reading: &mut Reading<'_, '_>, traces: &HashSet<TraceId>) -> Result<(), Failure> {
        if !self.wanted {
            return Ok(());
        }
        if self.of_spans.len() > MOST_OWNERS {
            (self.read, self.of_spans) = Default::default();
        }
        let new: HashSet<TraceId> = traces.difference(&self.read).copied().collect();
        let mut blocks = BTreeSet::new();
        if !new.is_empty() {
            let traces = new.iter().map(|trace| fingerprint::trace(*trace)).collect();
            let zones = Search::any(reading.connection, traces)?.rest()?;
            blocks.extend(zones.iter().filter(|zone| zone.bounds.events > 0).map(|zone| zone.block));
        }
        for block in blocks {
            self.take(&reading.blocks.whole(block)?, &new);
        }
        self.read.extend(new);
        Ok(())
    }

    fn take(&mut self, batch: &Batch, traces: &HashSet<TraceId>) {
        for event in batch.events().filter(|event| traces.contains(&event.owner().0)) {
            self.of_spans.entry(event.owner()).or_default().push(event.to_event());
        }
    }

    fn give(&self, span: &mut Span) {
        if let Some(events) = self.of_spans.get(&(span.trace_id, span.span_id)) {
            span.events.clone_from(events);
        }
    }
}
