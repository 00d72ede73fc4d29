//! What a store has before an import: looked up in the file, or asked for by queries where the store is none.

use std::collections::HashMap;
use std::sync::Arc;

use flowglass_model::{Batch, SpanId, Status, TraceId};

use super::{ImportTimes, others};
use crate::query::{Moment, Query, Select};
use crate::sketch::fingerprint;
use crate::sqlite::Depth;
use crate::virtual_tables::Shared;
use crate::{Page, Rows, StoreError};

/// What a store had before an import.
pub(super) trait Known: Send {
    /// Returns the spans of a trace, with how certain their ends are.
    fn spans_of(&self, trace: TraceId) -> Result<HashMap<SpanId, u8>, StoreError>;

    /// Tells the hash of each record without an id from these times.
    fn others(&self, times: ImportTimes, tell: &mut dyn FnMut(u64)) -> Result<(), StoreError>;
}

/// Returns a number that is larger for what is known for certain.
pub(super) const fn certainty(status: Status) -> u8 {
    match status {
        Status::Running => 1,
        Status::Interrupted => 2,
        _ => 3,
    }
}

fn note(found: &mut HashMap<SpanId, u8>, span: SpanId, status: Status) {
    let known = found.entry(span).or_default();
    *known = (*known).max(certainty(status));
}

/// A state of a file, of which only the columns that tell are opened.
pub(super) struct InFile {
    shared: Shared,
}

impl InFile {
    pub(super) fn new(shared: Shared) -> Result<Self, StoreError> {
        shared.lock().begin()?;
        Ok(Self { shared })
    }
}

impl Known for InFile {
    fn spans_of(&self, trace: TraceId) -> Result<HashMap<SpanId, u8>, StoreError> {
        let mut state = self.shared.lock();
        let mut batches: Vec<Arc<Batch>> = state.snapshot.open_spans(Some(trace))?.into_iter().map(Arc::new).collect();
        for zone in state.snapshot.all(fingerprint::of_trace(trace))? {
            batches.push(state.load(zone.block, Depth::Ids)?);
        }
        let mut found = HashMap::new();
        for batch in batches {
            let spans = &batch.spans;
            for row in (0..spans.span_id.len()).filter(|row| spans.trace_id[*row] == trace) {
                note(&mut found, spans.span_id[row], spans.status[row]);
            }
        }
        Ok(found)
    }

    fn others(&self, times: ImportTimes, tell: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        if times.first_unix_ns > times.last_unix_ns {
            return Ok(());
        }
        let then = times.first_unix_ns..times.last_unix_ns.saturating_add(1);
        let zones = self.shared.lock().snapshot.blocks_with_others(then, None, None)?;
        for zone in zones {
            let batch = self.shared.lock().load(zone.block, Depth::Whole)?;
            others::each(&batch, |unix_ns, hash, _| {
                if times.has(unix_ns) {
                    tell(hash);
                }
            });
        }
        Ok(())
    }
}

impl Drop for InFile {
    fn drop(&mut self) {
        self.shared.lock().end();
    }
}

/// So many things are asked for at once.
const PAGE: usize = 10_000;

/// Any store, by its answers.
pub(super) struct Asked<F>(pub(super) F);

impl<F: Fn(&Query) -> Result<Page, StoreError>> Asked<F> {
    fn each_page(&self, query: Query, take: &mut dyn FnMut(Rows)) -> Result<(), StoreError> {
        let mut query = query.limit(PAGE);
        loop {
            let page = (self.0)(&query)?;
            take(page.rows);
            query.after = page.next;
            if query.after.is_none() {
                return Ok(());
            }
        }
    }
}

impl<F: Fn(&Query) -> Result<Page, StoreError> + Send> Known for Asked<F> {
    fn spans_of(&self, trace: TraceId) -> Result<HashMap<SpanId, u8>, StoreError> {
        let mut found = HashMap::new();
        self.each_page(Query::spans().trace(trace), &mut |rows| {
            if let Rows::Spans(spans) = rows {
                spans.iter().for_each(|of| note(&mut found, of.span.span_id, of.span.status));
            }
        })?;
        Ok(found)
    }

    fn others(&self, times: ImportTimes, tell: &mut dyn FnMut(u64)) -> Result<(), StoreError> {
        let (first, behind) = (Moment::At(times.first_unix_ns), Moment::At(times.last_unix_ns.saturating_add(1)));
        if times.first_unix_ns > times.last_unix_ns {
            return Ok(());
        }
        for select in [Select::Events, Select::Logs, Select::Metrics] {
            let then = Query::new(select).since(first).before(behind);
            self.each_page(then, &mut |rows| others::of_rows(&rows, tell))?;
        }
        Ok(())
    }
}
