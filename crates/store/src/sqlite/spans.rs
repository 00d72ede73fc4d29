//! Answering a [`SpanFilter`]: the latest spans that match, and how many match.

use std::collections::BTreeMap;

use flowglass_model::{Arena, Batch, BatchBuilder, Scalar, Span, SpanColumns, SpanId, Status, Sym, TraceId};
use rusqlite::Connection;

use super::blocks::Blocks;
use super::failure::Failure;
use super::liveness::Liveness;
use super::parallel;
use super::search::Search;
use super::segments;
use super::trace::rank;
use crate::SpanFilter;
use crate::block::Head;
use crate::sketch::fingerprint;
use crate::sketch::zones::Zone;

/// A span's place in the order of answers: the latest start first, then the smallest id.
type Place = (std::cmp::Reverse<i64>, SpanId, TraceId);

/// Returns the latest spans that match, without their events.
pub(super) fn list(connection: &Connection, liveness: &mut Liveness<'_>, filter: &SpanFilter) -> Result<Vec<Span>, Failure> {
    let mut latest = Latest { limit: filter.limit, spans: BTreeMap::new() };
    let mut blocks = Blocks::new(connection);
    for span in open_spans(connection, liveness, &mut blocks, filter)? {
        latest.offer(span, 0);
    }
    let mut search = Search::new(connection, filter)?;
    while let Some(zone) = search.next(latest.floor())? {
        let head = blocks.head(zone.block)?;
        let rows = latest.worthwhile(&head.spans, rows_of_head(&head, filter));
        if rows.is_empty() {
            continue;
        }
        let batch = blocks.body(zone.block, head)?;
        let matcher = BodyMatcher::new(&batch, filter);
        for row in rows.into_iter().filter(|&row| matcher.matches(row)) {
            latest.offer_row(&batch, row, zone.block);
        }
    }
    Ok(latest.spans.into_values().map(|(span, _)| span).collect())
}

/// Returns how many spans match. A span that was written twice counts twice.
pub(super) fn count(connection: &Connection, liveness: &mut Liveness<'_>, filter: &SpanFilter) -> Result<u64, Failure> {
    let mut blocks = Blocks::new(connection);
    let open = open_spans(connection, liveness, &mut blocks, filter)?.len() as u64;
    match only_attribute(filter) {
        Some((key, value)) => count_attribute(connection, key, value).map(|count| count + open),
        None => {
            let zones = Search::new(connection, filter)?.rest()?;
            zones.iter().try_fold(open, |sum, zone| Ok(sum + count_in_block(&mut blocks, zone, filter)?))
        }
    }
}

/// Returns the attribute that is all that a filter asks for, as facets know it.
fn only_attribute(filter: &SpanFilter) -> Option<(u64, u64)> {
    let [(key, value)] = filter.attributes.as_slice() else { return None };
    let nothing_else = SpanFilter { attributes: filter.attributes.clone(), limit: filter.limit, ..SpanFilter::default() };
    (*filter == nothing_else).then(|| (fingerprint::key(key), fingerprint::attribute(key, value)))
}

/// Adds up facets; where a key has too many values to be counted by value, the blocks that may hold it are opened as far as that key
/// takes.
fn count_attribute(connection: &Connection, key: u64, value: u64) -> Result<u64, Failure> {
    let (mut sum, mut blocks) = (0, Vec::new());
    for segment in segments::live(connection)? {
        if let Some(count) = segment.count(connection, key, value)? {
            sum += count;
            continue;
        }
        let places = segment.places_with(connection, &[vec![value]])?;
        let zones = if places.is_empty() { Vec::new() } else { segment.zones_at(connection, &places)? };
        blocks.extend(zones.into_iter().map(|zone| zone.block));
    }
    Ok(sum + count_in_blocks(connection, &blocks, key, &[value])?)
}

/// Returns how many attributes with this key have one of these fingerprints in some blocks.
pub(super) fn count_in_blocks(connection: &Connection, blocks: &[i64], key: u64, fingerprints: &[u64]) -> Result<u64, Failure> {
    let counts = parallel::each(connection, blocks, |block, decoder| block.count(key, fingerprints, decoder))?;
    Ok(counts.into_iter().sum())
}

fn count_in_block(blocks: &mut Blocks<'_>, zone: &Zone, filter: &SpanFilter) -> Result<u64, Failure> {
    let head = blocks.head(zone.block)?;
    let rows: Vec<usize> = rows_of_head(&head, filter).collect();
    if rows.is_empty() || !needs_body(filter) {
        return Ok(rows.len() as u64);
    }
    let batch = blocks.body(zone.block, head)?;
    let matcher = BodyMatcher::new(&batch, filter);
    Ok(rows.into_iter().filter(|&row| matcher.matches(row)).count() as u64)
}

const fn needs_body(filter: &SpanFilter) -> bool {
    let ids = filter.trace_id.is_some() || filter.span_id.is_some() || filter.parent_id.is_some();
    ids || filter.after.is_some() || !filter.attributes.is_empty()
}

/// Returns the spans that have not ended and match, as they stand now.
fn open_spans(
    connection: &Connection,
    liveness: &mut Liveness<'_>,
    blocks: &mut Blocks<'_>,
    filter: &SpanFilter,
) -> Result<Vec<Span>, Failure> {
    let mut statement = connection.prepare_cached("SELECT writer, data FROM open_span WHERE ?1 IS NULL OR trace = ?1")?;
    let mut rows = statement.query([filter.trace_id.map(TraceId::to_bytes)])?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next()? {
        let seen = liveness.of(row.get(0)?)?;
        let batch = blocks.joined(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?)?;
        for span in batch.spans() {
            let mut span = span.to_span();
            span.status = seen.status();
            span.duration_ns = seen.duration_ns(span.start_unix_ns, span.duration_ns);
            if matches(&span, filter) {
                spans.push(span);
            }
        }
    }
    Ok(spans)
}

/// Says whether one span matches, by the same rules as in a block.
fn matches(span: &Span, filter: &SpanFilter) -> bool {
    let mut builder = BatchBuilder::default();
    // An open span goes to another table of a batch; how it stands is looked at here.
    builder.push(&Span { status: Status::Ok, ..span.clone() });
    let batch = builder.finish();
    let rest = SpanFilter { status: None, ..filter.clone() };
    let head = Head { arena: batch.arena.clone(), spans: batch.spans.clone() };
    filter.status.is_none_or(|status| status == span.status)
        && rows_of_head(&head, &rest).next().is_some()
        && BodyMatcher::new(&batch, &rest).matches(0)
}

/// Returns the rows that a head doesn't rule out.
pub(super) fn rows_of_head<'a>(head: &'a Head, filter: &'a SpanFilter) -> impl Iterator<Item = usize> + 'a {
    let spans = &head.spans;
    let name = filter.name.as_deref().map(|name| sym_of(&head.arena, name));
    (0..spans.start_unix_ns.len()).filter(move |&row| {
        let (start, duration) = (spans.start_unix_ns[row], spans.duration_ns[row]);
        (filter.min_start_unix_ns..filter.end_start_unix_ns).contains(&start)
            && (filter.min_duration_ns..=filter.max_duration_ns).contains(&duration)
            && filter.after.is_none_or(|(last, _)| start <= last)
            && filter.status.is_none_or(|status| spans.status[row] == status)
            && name.is_none_or(|name| Some(spans.name[row]) == name)
    })
}

/// Texts of an opened block are there once each.
fn sym_of(arena: &Arena, text: &str) -> Option<Sym> {
    (0..arena.len() as u32).map(Sym).find(|&sym| arena.bytes(sym) == text.as_bytes())
}

/// Looks at what only the body tells: ids and attributes.
struct BodyMatcher<'a> {
    batch: &'a Batch,
    filter: &'a SpanFilter,
    /// The key of each wanted attribute; nothing if no row has it.
    keys: Option<Vec<Sym>>,
}

impl<'a> BodyMatcher<'a> {
    fn new(batch: &'a Batch, filter: &'a SpanFilter) -> Self {
        let keys = filter.attributes.iter().map(|(key, _)| sym_of(&batch.arena, key)).collect();
        Self { batch, filter, keys }
    }

    fn matches(&self, row: usize) -> bool {
        let (spans, filter) = (&self.batch.spans, self.filter);
        filter.trace_id.is_none_or(|trace| spans.trace_id[row] == trace)
            && filter.span_id.is_none_or(|span| spans.span_id[row] == span)
            && filter.parent_id.is_none_or(|parent| spans.parent_id[row] == parent)
            && filter.after.is_none_or(|after| is_after(spans, row, after))
            && self.has_attributes(row)
    }

    fn has_attributes(&self, row: usize) -> bool {
        let Some(keys) = &self.keys else { return false };
        let columns = &self.batch.spans.attributes;
        let start = row.checked_sub(1).map_or(0, |before| columns.ends[before] as usize);
        let range = start..columns.ends[row] as usize;
        let (row_keys, row_values) = (&columns.keys[range.clone()], &columns.values[range]);
        keys.iter().zip(&self.filter.attributes).all(|(key, (_, wanted))| {
            row_keys.iter().zip(row_values).any(|(found, value)| found == key && self.is(*value, wanted))
        })
    }

    fn is(&self, found: Scalar, wanted: &flowglass_model::AttributeValue) -> bool {
        use flowglass_model::AttributeValue as Value;
        let arena = &self.batch.arena;
        match (found, wanted) {
            (Scalar::Str(found), Value::Str(wanted)) => arena.bytes(found) == wanted.as_bytes(),
            (Scalar::Bytes(found), Value::Bytes(wanted)) => arena.bytes(found) == wanted,
            (Scalar::Null, Value::Null) => true,
            (Scalar::Bool(found), Value::Bool(wanted)) => found == *wanted,
            (Scalar::Int(found), Value::Int(wanted)) => found == *wanted,
            (Scalar::Float(found), Value::Float(wanted)) => found.to_bits() == wanted.to_bits(),
            (Scalar::Nested(found), wanted @ (Value::List(_) | Value::Map(_))) => {
                serde_json::to_vec(wanted).is_ok_and(|wanted| arena.bytes(found) == wanted)
            }
            _ => false,
        }
    }
}

fn is_after(spans: &SpanColumns, row: usize, (start, span): (i64, SpanId)) -> bool {
    (std::cmp::Reverse(spans.start_unix_ns[row]), spans.span_id[row]) > (std::cmp::Reverse(start), span)
}

/// The latest spans that were found so far, in the order of the answer.
struct Latest {
    limit: usize,
    /// Each with the block that it was in.
    spans: BTreeMap<Place, (Span, i64)>,
}

impl Latest {
    /// Returns the earliest start that is still of interest.
    fn floor(&self) -> i64 {
        let last = self.spans.last_key_value().filter(|_| self.spans.len() >= self.limit);
        match (self.limit, last) {
            (0, _) => i64::MAX,
            (_, None) => i64::MIN,
            (_, Some((place, _))) => place.0.0,
        }
    }

    /// Returns those of the rows that start late enough, the latest first.
    fn worthwhile(&self, spans: &SpanColumns, rows: impl Iterator<Item = usize>) -> Vec<usize> {
        let floor = self.floor();
        let mut rows: Vec<usize> = rows.filter(|&row| spans.start_unix_ns[row] >= floor).collect();
        rows.sort_unstable_by_key(|&row| std::cmp::Reverse(spans.start_unix_ns[row]));
        rows
    }

    fn offer_row(&mut self, batch: &Batch, row: usize, block: i64) {
        if batch.spans.start_unix_ns[row] < self.floor() {
            return;
        }
        if let Some(span) = batch.spans().nth(row) {
            self.offer(span.to_span(), block);
        }
    }

    /// A span that was written twice replaces itself; a real end is not replaced by the news that its process died.
    fn offer(&mut self, span: Span, block: i64) {
        let place = (std::cmp::Reverse(span.start_unix_ns), span.span_id, span.trace_id);
        let known = self.spans.get(&place).map(|(known, block)| (rank(known.status), *block));
        if known.is_none_or(|known| known <= (rank(span.status), block)) {
            self.spans.insert(place, (span, block));
        }
        if self.spans.len() > self.limit {
            self.spans.pop_last();
        }
    }
}
