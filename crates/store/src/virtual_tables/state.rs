//! What the cursors of a connection share: the state of the store that a statement sees, opened blocks, and the limits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowglass_model::{Batch, SpanId, Status, TraceId};
use parking_lot::{Mutex, MutexGuard};

use super::index::{IdKind, Index};
use crate::sketch::fingerprint;
use crate::sketch::zones::Zone;
use crate::sqlite::{Depth, Snapshot};
use crate::{SpanFilter, StoreError, StoreErrorKind};

/// Opened blocks are kept up to about this much memory.
const KEPT_BYTES: usize = 48 << 20;
/// Where a trace is in more blocks, its spans are found by an index of all.
const FEW_BLOCKS: usize = 4;

/// What the cursors of a connection share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    pub(crate) fn new(snapshot: Snapshot, time: Option<Duration>) -> Self {
        let kept = Kept::default();
        let (indexes, traces) = (HashMap::new(), HashMap::new());
        let state = State { snapshot, time, deadline: None, statements: 0, kept, indexes, traces, failed: None };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    time: Option<Duration>,
    deadline: Option<Instant>,
    /// How many statements look at the snapshot.
    statements: usize,
    kept: Kept,
    indexes: HashMap<IdKind, Option<Arc<Index>>>,
    traces: HashMap<TraceId, Arc<Vec<Zone>>>,
    /// Why a cursor gave up: SQLite's own errors only carry a text.
    failed: Option<StoreError>,
}

impl State {
    /// Begins a statement: the first one chooses the state of the store that all see.
    pub(crate) fn begin(&mut self) -> Result<(), StoreError> {
        if self.statements == 0 {
            self.snapshot.begin()?;
        }
        self.statements += 1;
        self.deadline = self.time.and_then(|time| Instant::now().checked_add(time));
        Ok(())
    }

    /// Ends a statement; the last one lets go of all.
    pub(crate) fn end(&mut self) {
        self.statements = self.statements.saturating_sub(1);
        if self.statements == 0 {
            self.snapshot.end();
            self.kept = Kept::default();
            self.indexes.clear();
            self.traces.clear();
        }
    }

    /// Says whether the statement has had all its time.
    pub(super) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() > deadline)
    }

    /// Makes the error of a statement that took too long.
    pub(super) fn too_long(&self) -> StoreError {
        let seconds = self.time.unwrap_or_default().as_secs_f64();
        let message =
            format!("the statement took longer than {seconds} s; ask for less (a time, a trace, a LIMIT), or allow more time");
        StoreError::new(StoreErrorKind::Limit, message)
    }

    /// Remembers why a cursor gave up.
    pub(super) fn fail(&mut self, error: StoreError) -> rusqlite::Error {
        let message = error.to_string();
        self.failed = Some(error);
        rusqlite::Error::ModuleError(message)
    }

    /// Returns why a cursor gave up, once.
    pub(super) fn take_failure(&mut self) -> Option<StoreError> {
        self.failed.take()
    }

    /// Opens a block, or returns what was opened of it before.
    pub(crate) fn load(&mut self, block: i64, depth: Depth) -> Result<Arc<Batch>, StoreError> {
        if let Some(batch) = self.kept.get(block, depth) {
            return Ok(batch);
        }
        let batch = Arc::new(self.load_once(block, depth)?);
        self.kept.put(block, depth, &batch);
        Ok(batch)
    }

    /// Returns how many blocks were opened since the statement began.
    #[cfg(test)]
    pub(super) fn opened_blocks(&self) -> u64 {
        self.kept.batches.len() as u64
    }

    fn load_once(&mut self, block: i64, depth: Depth) -> Result<Batch, StoreError> {
        if self.is_over() {
            return Err(self.too_long());
        }
        self.snapshot.load(block, depth)
    }

    /// Returns the blocks that may hold ended spans which a filter asks for.
    pub(super) fn blocks_with_spans(&mut self, filter: &SpanFilter) -> Result<Vec<Zone>, StoreError> {
        let by_id = filter.span_id.map(|id| (IdKind::Span, id)).or(filter.parent_id.map(|id| (IdKind::Parent, id)));
        if let Some(trace) = filter.trace_id {
            let zones = self.blocks_of(trace)?;
            if by_id.is_none() || zones.len() <= FEW_BLOCKS {
                return Ok(zones.to_vec());
            }
        }
        match by_id {
            Some((kind, id)) if !id.is_none() => match self.index(kind)? {
                Some(index) => Ok(index.blocks(id)),
                None => self.snapshot.blocks_with_spans(filter),
            },
            _ => self.snapshot.blocks_with_spans(filter),
        }
    }

    /// Returns the blocks that may hold anything, of a trace where one is given.
    pub(super) fn blocks_with_anything(&mut self, trace: Option<TraceId>) -> Result<Vec<Zone>, StoreError> {
        self.snapshot.all(trace.map(fingerprint::of_trace).unwrap_or_default())
    }

    /// Returns the blocks that may hold spans of a trace.
    fn blocks_of(&mut self, trace: TraceId) -> Result<Arc<Vec<Zone>>, StoreError> {
        const MOST_TRACES: usize = 10_000;
        if let Some(known) = self.traces.get(&trace) {
            return Ok(Arc::clone(known));
        }
        if self.traces.len() >= MOST_TRACES {
            self.traces.clear();
        }
        let mut zones = self.snapshot.all(fingerprint::of_trace(trace))?;
        zones.retain(|zone| zone.bounds.spans > 0);
        let zones = Arc::new(zones);
        self.traces.insert(trace, Arc::clone(&zones));
        Ok(zones)
    }

    fn index(&mut self, kind: IdKind) -> Result<Option<Arc<Index>>, StoreError> {
        if let Some(made) = self.indexes.get(&kind) {
            return Ok(made.clone());
        }
        let zones = self.snapshot.blocks_with_spans(&SpanFilter::default())?;
        let made = Index::make(kind, zones, |block| self.load_once(block, Depth::Ids))?.map(Arc::new);
        self.indexes.insert(kind, made.clone());
        Ok(made)
    }

    /// Says whether a span that lies in a block as interrupted ended all the same: then its real end is in another block.
    pub(crate) fn has_real_end(&mut self, trace: TraceId, span: SpanId) -> Result<bool, StoreError> {
        let real = |status: Status| !matches!(status, Status::Interrupted | Status::Running);
        for zone in self.blocks_of(trace)?.iter() {
            let batch = self.load(zone.block, Depth::Ids)?;
            let spans = &batch.spans;
            let mut rows = 0..spans.span_id.len();
            if rows.any(|row| spans.span_id[row] == span && spans.trace_id[row] == trace && real(spans.status[row])) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Opened blocks, those that were wanted last.
#[derive(Default)]
struct Kept {
    batches: HashMap<i64, (Depth, Arc<Batch>, u64)>,
    size_bytes: usize,
    clock: u64,
}

impl Kept {
    fn get(&mut self, block: i64, depth: Depth) -> Option<Arc<Batch>> {
        self.clock += 1;
        let (known, batch, used) = self.batches.get_mut(&block)?;
        if *known < depth {
            return None;
        }
        *used = self.clock;
        Some(Arc::clone(batch))
    }

    fn put(&mut self, block: i64, depth: Depth, batch: &Arc<Batch>) {
        let size = |batch: &Batch| batch.size_bytes() + batch.spans.start_unix_ns.len() * 40;
        self.size_bytes += size(batch);
        if let Some((_, replaced, _)) = self.batches.insert(block, (depth, Arc::clone(batch), self.clock)) {
            self.size_bytes -= size(&replaced);
        }
        while self.size_bytes > KEPT_BYTES && self.batches.len() > 1 {
            let oldest = self.batches.iter().filter(|(other, _)| **other != block).min_by_key(|(_, (_, _, used))| *used);
            let Some((&oldest, _)) = oldest else { return };
            if let Some((_, gone, _)) = self.batches.remove(&oldest) {
                self.size_bytes -= size(&gone);
            }
        }
    }
}
