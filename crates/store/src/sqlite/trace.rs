//! Reading the spans of one trace: from the segments whose sketches may hold it, and from the open spans.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use flowglass_model::{Batch, RunId, Span, SpanEvent, SpanId, Status, TraceId};
use rusqlite::Transaction;

use super::liveness::Liveness;
use super::lock::LockFolder;
use super::schema::SIGNAL_TRACES;
use crate::segment::{self, BLOCKS_PER_SEGMENT, BlockDecoder, Damaged, PACKED, sketch};
use crate::{StoreError, StoreErrorKind};

/// Returns the spans of a run with their events, sorted by start and span id.
pub(super) fn read(
    transaction: &Transaction<'_>,
    path: &Path,
    locks: &LockFolder,
    run: RunId,
) -> Result<Vec<Span>, StoreError> {
    let mut found = Found { trace: run.trace, spans: HashMap::new(), events: Vec::new() };
    scan(transaction, locks, &mut found).map_err(|failure| failure.at(path))?;
    let mut spans = found.finish();
    if let Some(root) = run.joined_at.some() {
        keep_below(root, &mut spans);
    }
    spans.sort_unstable_by_key(|span| (span.start_unix_ns, span.span_id));
    Ok(spans)
}

/// Why reading failed.
enum Failure {
    Sqlite(rusqlite::Error),
    Damaged { place: String, damage: Damaged },
}

impl Failure {
    fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) => StoreError::sqlite(path, "read", error),
            Self::Damaged { place, damage } => {
                StoreError::new(StoreErrorKind::Corrupt, format!("{place} of {} is damaged: {damage}", path.display()))
                    .with_source(damage)
            }
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn scan(transaction: &Transaction<'_>, locks: &LockFolder, found: &mut Found) -> Result<(), Failure> {
    let mut decoder = BlockDecoder::new().map_err(no_memory)?;
    for segment in segments_with(transaction, found.trace)? {
        let blocks = blocks_of(transaction, segment)?;
        let blocks = blocks.iter().map(|(number, block)| (*number, block.as_slice()));
        let batch = segment::decode(blocks, &mut decoder)
            .map_err(|damage| Failure::Damaged { place: format!("segment {segment}"), damage })?;
        found.take(&batch, segment);
    }
    scan_open(transaction, locks, &mut decoder, found)
}

fn no_memory(error: std::io::Error) -> Failure {
    Failure::Sqlite(rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn segments_with(transaction: &Transaction<'_>, trace: TraceId) -> Result<Vec<i64>, Failure> {
    let wanted = sketch::fingerprint(trace);
    let mut statement = transaction.prepare_cached("SELECT id, traces FROM segment WHERE signal = ?1 ORDER BY id")?;
    let mut rows = statement.query([SIGNAL_TRACES])?;
    let mut segments = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        let traces = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let may = sketch::may_contain(traces, wanted)
            .map_err(|damage| Failure::Damaged { place: format!("segment {id}"), damage })?;
        if may {
            segments.push(id);
        }
    }
    Ok(segments)
}

fn blocks_of(transaction: &Transaction<'_>, segment: i64) -> rusqlite::Result<Vec<(u8, Vec<u8>)>> {
    let first = segment.saturating_mul(BLOCKS_PER_SEGMENT);
    let sql = "SELECT id - ?1, data FROM block WHERE id BETWEEN ?1 AND ?1 + ?2 - 1 ORDER BY id";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.query_map((first, BLOCKS_PER_SEGMENT), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn scan_open(
    transaction: &Transaction<'_>,
    locks: &LockFolder,
    decoder: &mut BlockDecoder,
    found: &mut Found,
) -> Result<(), Failure> {
    let mut liveness = Liveness::new(transaction, locks);
    let mut statement = transaction.prepare_cached("SELECT writer, data FROM open_span WHERE trace = ?1")?;
    let mut rows = statement.query([found.trace.to_bytes()])?;
    while let Some(row) = rows.next()? {
        let seen = liveness.of(row.get(0)?)?;
        let block = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let batch = segment::decode([(PACKED, block)], decoder)
            .map_err(|damage| Failure::Damaged { place: "an open span".to_owned(), damage })?;
        for span in batch.spans() {
            let mut span = span.to_span();
            span.status = seen.status();
            span.duration_ns = seen.duration_ns(span.start_unix_ns, span.duration_ns);
            found.spans.entry(span.span_id).or_insert(span);
        }
    }
    Ok(())
}

/// What was found of a trace so far.
struct Found {
    trace: TraceId,
    spans: HashMap<SpanId, Span>,
    /// Events with their span and the segment that they were in.
    events: Vec<(SpanId, i64, SpanEvent)>,
}

impl Found {
    fn take(&mut self, batch: &Batch, segment: i64) {
        let trace = self.trace;
        for span in batch.spans().filter(|span| span.row().trace_id == trace) {
            self.put(span.to_span());
        }
        for event in batch.events().filter(|event| event.owner().0 == trace) {
            self.events.push((event.owner().1, segment, event.to_event()));
        }
    }

    /// A span that was written twice replaces itself; a real end is never replaced by the news that its process died.
    fn put(&mut self, span: Span) {
        match self.spans.entry(span.span_id) {
            Entry::Vacant(place) => {
                place.insert(span);
            }
            Entry::Occupied(mut place) => {
                if span.status != Status::Interrupted || place.get().status == Status::Interrupted {
                    place.insert(span);
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Span> {
        self.events.sort_by_key(|(span, segment, event)| (*span, event.unix_ns, *segment));
        // A batch that was sent twice is in two segments; equal events of one segment did happen twice.
        self.events.dedup_by(|(later_span, later, event), (span, segment, first)| {
            later_span == span && later != segment && event == first
        });
        for (span, _, event) in self.events {
            if let Some(span) = self.spans.get_mut(&span) {
                span.events.push(event);
            }
        }
        self.spans.into_values().collect()
    }
}

/// Keeps a root and what is below it.
fn keep_below(root: SpanId, spans: &mut Vec<Span>) {
    let mut children: HashMap<SpanId, Vec<SpanId>> = HashMap::new();
    for span in &*spans {
        children.entry(span.parent_id).or_default().push(span.span_id);
    }
    let (mut kept, mut next) = (HashSet::from([root]), vec![root]);
    while let Some(span) = next.pop() {
        next.extend(children.remove(&span).into_iter().flatten().filter(|&child| kept.insert(child)));
    }
    spans.retain(|span| kept.contains(&span.span_id));
}
