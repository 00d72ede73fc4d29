//! Taking in what another store, or another program, wrote out: what is there already is not added again.

mod known;
mod others;

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, BatchBuilder, RecordCounts, Resource, Sink, Span, SpanId, Status, TraceId, WriterId};

use self::known::{Asked, InFile, Known, certainty};
use self::others::{Other, digest};
use crate::query::Query;
use crate::virtual_tables::Shared;
use crate::{Page, SinkOptions, SqliteStore, StoreError};

/// Marks a span that this import added.
const NEW: u8 = 0x80;
/// The spans of this many traces are remembered at once.
const MOST_TRACES: usize = 1_000;

/// When the records of an import happened: found out before it begins, so that only those of the store have to be compared which
/// happened then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportTimes {
    first_unix_ns: i64,
    last_unix_ns: i64,
}

impl Default for ImportTimes {
    fn default() -> Self {
        Self { first_unix_ns: i64::MAX, last_unix_ns: i64::MIN }
    }
}

impl ImportTimes {
    /// Takes the times of a batch that will be added.
    pub fn look(&mut self, batch: &Batch) {
        let said = batch.logs.unix_ns.iter().zip(&batch.logs.observed_unix_ns).map(|(said, seen)| others::moment(*said, *seen));
        let happened = [&batch.events.unix_ns, &batch.points.unix_ns].into_iter().flatten().copied();
        for unix_ns in happened.chain(said) {
            self.first_unix_ns = self.first_unix_ns.min(unix_ns);
            self.last_unix_ns = self.last_unix_ns.max(unix_ns);
        }
    }

    fn has(&self, unix_ns: i64) -> bool {
        (self.first_unix_ns..=self.last_unix_ns).contains(&unix_ns)
    }
}

/// What an import added, and what was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// What was added.
    pub added: RecordCounts,
    /// What was there, and was left as it is.
    pub known: RecordCounts,
}

impl SqliteStore {
    /// Begins an import; see [`Store::import`](crate::Store::import).
    ///
    /// # Errors
    /// `NotWritable`, `Newer`, `Corrupt`, `Full`, `Busy`, `Io`.
    pub fn import(&self, times: ImportTimes) -> Result<Importer<'static>, StoreError> {
        let sink = self.sink(SinkOptions::default())?;
        let before = InFile::new(Shared::new(self.snapshot()?, None))?;
        Importer::new(Box::new(before), Box::new(sink), times)
    }
}

/// Adds batches to a store. Made by [`Store::import`](crate::Store::import).
pub struct Importer<'a> {
    before: Box<dyn Known + 'a>,
    sink: Box<dyn Sink>,
    /// The spans of some traces, with how certain their ends are.
    spans: HashMap<TraceId, HashMap<SpanId, u8>>,
    /// How often the store has a record, by its hash.
    others: HashMap<u64, u32>,
    writers: HashMap<WriterId, u64>,
    told: Imported,
}

impl std::fmt::Debug for Importer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Importer").field("told", &self.told).finish_non_exhaustive()
    }
}

impl<'a> Importer<'a> {
    /// Begins an import into a store that answers queries.
    pub(crate) fn asking(
        ask: impl Fn(&Query) -> Result<Page, StoreError> + Send + 'a,
        sink: Box<dyn Sink>,
        times: ImportTimes,
    ) -> Result<Self, StoreError> {
        Self::new(Box::new(Asked(ask)), sink, times)
    }

    fn new(before: Box<dyn Known + 'a>, sink: Box<dyn Sink>, times: ImportTimes) -> Result<Self, StoreError> {
        let mut others: HashMap<u64, u32> = HashMap::new();
        before.others(times, &mut |hash| *others.entry(hash).or_default() += 1)?;
        Ok(Self { before, sink, spans: HashMap::new(), others, writers: HashMap::new(), told: Imported::default() })
    }

    /// Adds what is new in a batch, and commits it.
    ///
    /// # Errors
    /// `NotWritable`, `Corrupt`, `Full`, `Busy`, `Io`. What was added before stays, and isn't added again by the next import.
    pub fn add(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let writer = writer_of(&batch.resource);
        let sequence = self.writers.entry(writer).or_default();
        *sequence += 1;
        let mut builder = BatchBuilder::new(writer, *sequence, Arc::clone(&batch.resource));
        builder.batch_mut().graphs.clone_from(&batch.graphs);
        for span in batch.spans().chain(batch.opened()) {
            self.add_span(span.to_span(), &mut builder)?;
        }
        self.add_links(batch, &mut builder)?;
        self.add_others(batch, &mut builder);
        let fresh = builder.finish();
        if !fresh.is_empty() {
            self.sink.write(&Arc::new(fresh)).map_err(StoreError::of_sink)?;
        }
        Ok(())
    }

    /// Ends the import, and tells what it did.
    #[must_use]
    pub fn finish(self) -> Imported {
        self.told
    }

    fn add_span(&mut self, mut span: Span, builder: &mut BatchBuilder) -> Result<(), StoreError> {
        if span.status == Status::Running {
            span.status = Status::Interrupted;
        }
        let known = self.spans_of(span.trace_id)?;
        let (before, now) = (known.get(&span.span_id).copied(), certainty(span.status));
        if before.is_some_and(|before| before & !NEW >= now) {
            self.told.known.spans += 1;
            return Ok(());
        }
        known.insert(span.span_id, now | NEW);
        if before.is_some() {
            builder.batch_mut().closed.push((span.trace_id, span.span_id));
        }
        builder.push(&span);
        self.told.added.spans += 1;
        Ok(())
    }

    /// Links come with their spans: those of a span that was there are there, too.
    fn add_links(&mut self, batch: &Batch, builder: &mut BatchBuilder) -> Result<(), StoreError> {
        for link in batch.links() {
            let (trace, span) = (link.row().trace_id, link.row().span_id);
            if self.spans_of(trace)?.get(&span).is_none_or(|known| known & NEW != 0) {
                builder.push_owned_link((trace, span), &link.to_link());
            }
        }
        Ok(())
    }

    fn spans_of(&mut self, trace: TraceId) -> Result<&mut HashMap<SpanId, u8>, StoreError> {
        if self.spans.len() >= MOST_TRACES && !self.spans.contains_key(&trace) {
            self.spans.clear();
        }
        if !self.spans.contains_key(&trace) {
            let found = self.before.spans_of(trace)?;
            self.spans.insert(trace, found);
        }
        Ok(self.spans.entry(trace).or_default())
    }

    fn add_others(&mut self, batch: &Batch, builder: &mut BatchBuilder) {
        let mut metrics: Vec<Option<u32>> = vec![None; batch.metrics().len()];
        let Self { others: before, told, .. } = self;
        others::each(batch, |_, hash, record| {
            let is_known = before.get_mut(&hash).is_some_and(|left| {
                let has = *left > 0;
                *left = left.saturating_sub(1);
                has
            });
            let counts = if is_known { &mut told.known } else { &mut told.added };
            match &record {
                Other::Event(..) => counts.events += 1,
                Other::Log(_) => counts.logs += 1,
                Other::Point(..) => counts.points += 1,
            }
            if is_known {
                return;
            }
            match record {
                Other::Event(owner, event) => builder.push_owned_event(owner, &event),
                Other::Log(log) => builder.push_owned_log(&log),
                Other::Point(at, metric, point) => {
                    let row = *metrics[at].get_or_insert_with(|| builder.push_owned_metric(metric));
                    builder.push_owned_point(row, &point);
                }
            }
        });
    }
}

/// One writer stands for each resource, so that importing again adds none.
fn writer_of(resource: &Resource) -> WriterId {
    let halves = [digest(&("import", resource)), digest(&("again", resource))].map(u64::to_be_bytes);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&halves[0]);
    bytes[8..].copy_from_slice(&halves[1]);
    WriterId::from_bytes(bytes)
}
