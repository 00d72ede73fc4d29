//! Reading the spans of one trace: from the blocks that sketches name, and from the open spans.

use flowglass_model::{
    Batch, LogRecord, LogRef, Metric, MetricPoint, RunId, Span, SpanColumns, SpanEvent, SpanId, SpanLink, SpanRow, SpanType,
    Status, TraceId, keep_below,
};
use rusqlite::Connection;

use super::blocks::Blocks;
use super::failure::Failure;
use super::joined::root_of_run;
use super::liveness::Liveness;
use super::parallel;
use super::search::Search;
use crate::block::rest;
use crate::sketch::fingerprint::{self, Groups};

/// Returns the spans of a run with their events, sorted by start and span id.
pub(super) fn read(connection: &Connection, liveness: &mut Liveness<'_>, run: RunId) -> Result<Vec<Span>, Failure> {
    let mut found = Found::default();
    take_open(connection, liveness, run.trace, &mut found)?;
    let zones = Search::all(connection, fingerprint::of_trace(run.trace))?.rest()?;
    let of: Vec<i64> = zones.iter().map(|zone| zone.block).collect();
    for part in parallel::each_whole(connection, &of, |batch, block| Found::of(run.trace, batch, block))? {
        found.append(part);
    }
    let mut spans = found.finish();
    if let Some(root) = run.joined_at.some() {
        keep_below(root, &mut spans);
    }
    Ok(spans)
}

/// Returns the log records of a trace, or all there are, in the order of their times.
pub(super) fn logs(connection: &Connection, trace: Option<TraceId>) -> Result<Vec<LogRecord>, Failure> {
    let mut logs = Vec::new();
    each_other(connection, trace.map(fingerprint::of_trace).unwrap_or_default(), |batch| {
        let wanted = |log: &LogRef<'_>| trace.is_none_or(|trace| log.row().trace_id == trace);
        logs.extend(batch.logs().filter(wanted).map(|log| log.to_log()));
    })?;
    logs.sort_by_key(|log: &LogRecord| if log.unix_ns == 0 { log.observed_unix_ns } else { log.unix_ns });
    Ok(logs)
}

/// Returns the points of the metrics with this name, or of all, in the order in which they were written.
pub(super) fn metrics(connection: &Connection, name: Option<&str>) -> Result<Vec<(Metric, Vec<MetricPoint>)>, Failure> {
    let mut metrics = Vec::new();
    each_other(connection, name.map(fingerprint::of_name).unwrap_or_default(), |batch| {
        metrics.extend(rest::metrics(batch).into_iter().filter(|(metric, _)| name.is_none_or(|name| metric.name == name)));
    })?;
    Ok(metrics)
}

/// Opens the blocks that may hold something besides spans, and something with this fingerprint.
fn each_other(connection: &Connection, groups: Groups, mut look: impl FnMut(&Batch)) -> Result<(), Failure> {
    let mut blocks = Blocks::new(connection);
    let zones = Search::all(connection, groups)?.rest()?;
    for zone in zones.iter().filter(|zone| zone.bounds.events > 0) {
        look(&blocks.whole(zone.block)?);
    }
    Ok(())
}

/// Returns the runs that the trace's spans are roots of, with their starts.
pub(super) fn roots(connection: &Connection, blocks: &mut Blocks<'_>, trace: TraceId) -> Result<Vec<(RunId, i64)>, Failure> {
    roots_among(connection, blocks, fingerprint::of_trace(trace), |found| found == trace)
}

/// As [`roots`], of all traces that have these fingerprints and are wanted.
pub(super) fn roots_among(
    connection: &Connection,
    blocks: &mut Blocks<'_>,
    groups: Groups,
    wanted: impl Fn(TraceId) -> bool,
) -> Result<Vec<(RunId, i64)>, Failure> {
    let mut roots = Vec::new();
    for zone in Search::all(connection, groups)?.rest()? {
        let spans = blocks.ids(zone.block)?;
        let rows = (0..spans.len()).filter(|&row| spans.span_type[row] == SpanType::Pipeline && wanted(spans.trace_id[row]));
        let rows = rows.map(|row| row_of(&spans, row));
        roots.extend(rows.filter_map(|row| root_of_run(&row).map(|run| (run, row.start_unix_ns))));
    }
    Ok(roots)
}

fn row_of(spans: &SpanColumns, row: usize) -> SpanRow {
    SpanRow {
        trace_id: spans.trace_id[row],
        span_id: spans.span_id[row],
        parent_id: spans.parent_id[row],
        name: spans.name[row],
        kind: spans.kind[row],
        span_type: spans.span_type[row],
        status: spans.status[row],
        status_message: spans.status_message[row],
        start_unix_ns: spans.start_unix_ns[row],
        duration_ns: spans.duration_ns[row],
        flags: spans.flags[row],
    }
}

/// Returns the runs that the trace's open spans are roots of, with their starts.
pub(super) fn open_roots(
    connection: &Connection,
    blocks: &mut Blocks<'_>,
    trace: TraceId,
) -> Result<Vec<(RunId, i64)>, Failure> {
    let mut statement = connection.prepare_cached("SELECT data FROM open_span WHERE trace = ?1")?;
    let mut rows = statement.query([trace.to_bytes()])?;
    let mut roots = Vec::new();
    while let Some(row) = rows.next()? {
        let batch = blocks.joined(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        let rows = batch.spans().map(|span| span.row());
        roots.extend(rows.filter_map(|row| root_of_run(&row).map(|run| (run, row.start_unix_ns))));
    }
    Ok(roots)
}

fn take_open(connection: &Connection, liveness: &mut Liveness<'_>, trace: TraceId, found: &mut Found) -> Result<(), Failure> {
    let mut blocks = Blocks::new(connection);
    let mut statement = connection.prepare_cached("SELECT writer, data FROM open_span WHERE trace = ?1")?;
    let mut rows = statement.query([trace.to_bytes()])?;
    while let Some(row) = rows.next()? {
        let seen = liveness.of(row.get(0)?)?;
        let batch = blocks.joined(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        for span in batch.spans() {
            let mut span = span.to_span();
            span.status = seen.status();
            span.duration_ns = seen.duration_ns(span.start_unix_ns, span.duration_ns);
            found.spans.push(span);
        }
    }
    Ok(())
}

/// What was found of a trace so far, in the order in which it was written.
#[derive(Default)]
struct Found {
    spans: Vec<Span>,
    /// Events with their span and the block that they were in.
    events: Vec<(SpanId, i64, SpanEvent)>,
    links: Vec<(SpanId, SpanLink)>,
    /// The place of each span, by its id, once no more spans come.
    places: Vec<(SpanId, u32)>,
}

impl Found {
    /// Takes what a block holds of a trace.
    fn of(trace: TraceId, batch: &Batch, block: i64) -> Self {
        let spans = batch.spans().filter(|span| span.row().trace_id == trace).map(|span| span.to_span());
        let events = batch.events().filter(|event| event.owner().0 == trace);
        let links = batch.links().filter(|link| link.row().trace_id == trace);
        Self {
            spans: spans.collect(),
            events: events.map(|event| (event.owner().1, block, event.to_event())).collect(),
            links: links.map(|link| (link.row().span_id, link.to_link())).collect(),
            places: Vec::new(),
        }
    }

    fn append(&mut self, mut other: Self) {
        self.spans.append(&mut other.spans);
        self.events.append(&mut other.events);
        self.links.append(&mut other.links);
    }

    /// Returns each span once with its events and links, sorted by start and span id.
    fn finish(mut self) -> Vec<Span> {
        self.find_places();
        self.add_events();
        self.add_links();
        let Self { spans, places, .. } = self;
        // Spans are large: only their keys are sorted.
        let mut order: Vec<_> = places.iter().map(|&(id, place)| (spans[place as usize].start_unix_ns, id, place)).collect();
        order.sort_unstable();
        let mut spans: Vec<Option<Span>> = spans.into_iter().map(Some).collect();
        order.into_iter().filter_map(|(_, _, place)| spans[place as usize].take()).collect()
    }

    /// A span that was written twice replaces itself; a real end is never replaced by the news that its process died.
    fn find_places(&mut self) {
        let spans = (0u32..).zip(&self.spans);
        let mut places: Vec<_> = spans.map(|(place, span)| (span.span_id, rank(span.status), place)).collect();
        places.sort_unstable();
        let last = places.chunk_by(|a, b| a.0 == b.0).filter_map(|same| same.last());
        self.places = last.map(|&(id, _, place)| (id, place)).collect();
    }

    fn span(&mut self, id: SpanId) -> Option<&mut Span> {
        let at = self.places.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.spans.get_mut(self.places[at].1 as usize)
    }

    /// A link that was sent twice is there once.
    fn add_links(&mut self) {
        for (owner, link) in std::mem::take(&mut self.links) {
            if let Some(span) = self.span(owner)
                && !span.links.contains(&link)
            {
                span.links.push(link);
            }
        }
    }

    fn add_events(&mut self) {
        self.events.sort_by_key(|(span, block, event)| (*span, event.unix_ns, *block));
        // A batch that was sent twice is in two blocks; equal events of one block did happen twice.
        self.events.dedup_by(|(later_span, later, event), (span, block, first)| {
            later_span == span && later != block && event == first
        });
        for (owner, _, event) in std::mem::take(&mut self.events) {
            if let Some(span) = self.span(owner) {
                span.events.push(event);
            }
        }
    }
}

/// Returns a number that is larger for what is known for certain.
pub(super) const fn rank(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::Interrupted => 1,
        _ => 2,
    }
}
