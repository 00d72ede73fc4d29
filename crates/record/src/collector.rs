//! The collector: looks for open spans, reads what the lanes hold, and makes batches of both.
//!
//! The order matters: open spans first, then records. A span leaves the open ones before its end is recorded, so that
//! whatever is found open either is open or has its end among the records read behind; it is told as one of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use flowglass_model::{Span, SpanId, Status, TraceId};

use crate::Tick;
use crate::batcher::Batcher;
use crate::core::Core;
use crate::id_hash::{BuildIdHasher, IdMap};
use crate::lanes::{Loss, Reading};
use crate::open::{Found, OpenFrame};
use crate::open_spans::{FoundOpen, OpenSpans};
use crate::parts::Parts;
use crate::raw::{Fields, RawBody, RawRecord};
use crate::registry::Registry;
use crate::rows::{EndedSpan, Rows};
use crate::scope_shared::ScopeShared;
use crate::wake::Cause;

/// What a span is told to have ended with when its scope is gone and its end never came.
const ABANDONED: (Status, &str) = (Status::Cancelled, "dropped before it ended");
/// What a span is told to have ended with when its end was lost.
const LOST: (Status, &str) = (Status::Interrupted, "its end was lost because the recorder's buffers were full");

/// Everything that the collector remembers between two looks.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    reading: Vec<Reading>,
    scopes: Scopes,
    gone: HashSet<u64, BuildIdHasher>,
    found: Found<FoundOpen>,
    open: OpenSpans,
    parts: Parts,
    batcher: Batcher,
}

/// The scopes that records may come from.
#[derive(Debug, Default)]
struct Scopes {
    known: IdMap<u64, Tracked>,
    arriving: Vec<Arc<ScopeShared>>,
}

#[derive(Debug)]
struct Tracked {
    shared: Arc<ScopeShared>,
    /// Whether anybody reads what the scope records; asked at most once a look.
    is_wanted: Option<bool>,
}

impl Collector {
    /// Looks once, and sends what it finds on.
    pub(crate) fn look(&mut self, core: &Core, cause: Cause) {
        let now = Tick::now();
        self.scopes.adopt(&core.registry);
        self.find_open();
        let is_busy = self.read(core);
        self.settle_gone(core, now);
        if !core.outlets.is_empty() {
            self.settle_lost(core, cause, now);
            self.tell_open(core, cause, now);
            self.open.remember(&self.found, cause);
        }
        self.batcher.seal(core);
        if is_busy {
            core.lanes.restock();
        } else if cause == Cause::Interval {
            core.lanes.shrink();
        }
    }

    /// Says whether nothing can be recorded before a new scope is registered.
    pub(crate) fn is_idle(&self) -> bool {
        self.scopes.known.is_empty()
    }

    /// Returns the spans of a trace that the last look found open.
    pub(crate) fn open_spans(&self, core: &Core, trace: TraceId) -> Vec<Span> {
        let now = Tick::now();
        let mut rows = Rows::new(core.writer, 0, Arc::clone(&core.resource), &core.attributes);
        for found in self.found.values() {
            if let Some(tracked) = self.scopes.known.get(&found.scope)
                && tracked.shared.trace_id == trace
            {
                rows.push_opened(&tracked.shared, &found.open, self.parts.get(found.open.frame.span), now);
            }
        }
        rows.finish().opened().map(|span| span.to_span()).collect()
    }

    fn find_open(&mut self) {
        self.found.clear();
        self.gone.clear();
        for (id, tracked) in &mut self.scopes.known {
            tracked.is_wanted = None;
            // Asked before the records are read: once only the collector holds a scope, nothing more comes from it.
            if Arc::get_mut(&mut tracked.shared).is_some() {
                self.gone.insert(*id);
            }
            tracked.shared.open.scan(|open| {
                if open.frame.is_sampled() {
                    self.found.insert(open.frame.span, FoundOpen { scope: *id, open });
                }
            });
        }
    }

    fn read(&mut self, core: &Core) -> bool {
        let mut reading = std::mem::take(&mut self.reading);
        let mut is_busy = false;
        core.lanes.drain(&mut reading, |records| {
            is_busy |= records.words() > 0;
            records.for_each(|record| self.take(core, &record));
        });
        self.reading = reading;
        is_busy
    }

    fn take(&mut self, core: &Core, record: &RawRecord<'_>) {
        core.counters.truncated_values.fetch_add(record.truncated.into(), Relaxed);
        let Some(tracked) = self.scopes.find(record.owner.scope, &core.registry) else {
            return core.lanes.count(if matches!(record.body, RawBody::Part { .. }) { Loss::Part } else { Loss::Record });
        };
        let span = record.owner.span;
        match record.body {
            RawBody::Part { fields } => {
                let lost = self.parts.add(record.owner.scope, span, fields);
                core.counters.dropped_parts.fetch_add(lost, Relaxed);
            }
            RawBody::Event { at, name, fields } => {
                if tracked.is_wanted(core) {
                    self.batcher.rows(core).push_event(&tracked.shared, span, at, name, fields);
                }
            }
            RawBody::Span { frame, name, end, status, fields } => {
                self.found.remove(&span);
                let is_told = self.open.end(span);
                if tracked.is_wanted(core) {
                    let rows = self.batcher.rows(core);
                    let (open, parts) = (OpenFrame { frame, name }, self.parts.get(span));
                    rows.push_ended(&tracked.shared, &EndedSpan { open, end, status, message: "", fields, parts });
                    close_if(is_told, rows, tracked.shared.trace_id, span);
                }
                self.parts.remove(span);
            }
        }
        self.batcher.seal_if_full(core);
    }

    /// Ends what scopes that are gone have left open, and takes their memory back.
    fn settle_gone(&mut self, core: &Core, now: Tick) {
        if self.gone.is_empty() {
            return;
        }
        let abandoned: Vec<FoundOpen> = self.found.values().copied().filter(|found| self.gone.contains(&found.scope)).collect();
        abandoned.iter().for_each(|found| self.end(core, found, now, ABANDONED));
        let lost = self.open.of_scopes(|scope| self.gone.contains(&scope));
        lost.iter().for_each(|found| self.end(core, found, now, LOST));
        self.parts.remove_scopes(|scope| self.gone.contains(&scope));
        for scope in self.gone.drain() {
            if let Some(tracked) = self.scopes.known.remove(&scope) {
                core.registry.give_back(tracked.shared);
            }
        }
    }

    fn settle_lost(&mut self, core: &Core, cause: Cause, now: Tick) {
        let lost = self.open.lost(&self.found, cause, core.lanes.dropped_records());
        lost.iter().for_each(|found| self.end(core, found, now, LOST));
    }

    /// Ends a span whose end never came.
    fn end(&mut self, core: &Core, found: &FoundOpen, now: Tick, (status, message): (Status, &str)) {
        let span = found.open.frame.span;
        self.found.remove(&span);
        let is_told = self.open.end(span);
        let Some(tracked) = self.scopes.known.get_mut(&found.scope) else { return };
        if tracked.is_wanted(core) {
            let rows = self.batcher.rows(core);
            let (fields, parts) = (Fields::new(&[]), self.parts.get(span));
            rows.push_ended(&tracked.shared, &EndedSpan { open: found.open, end: now, status, message, fields, parts });
            close_if(is_told, rows, tracked.shared.trace_id, span);
        }
        self.parts.remove(span);
    }

    fn tell_open(&mut self, core: &Core, cause: Cause, now: Tick) {
        let dropped = core.lanes.dropped_records();
        for found in self.found.values() {
            let Some(tracked) = self.scopes.known.get(&found.scope) else { continue };
            let scope = &tracked.shared;
            if self.open.should_tell(scope, &found.open, cause, now) {
                let parts = self.parts.get(found.open.frame.span);
                self.batcher.rows(core).push_opened(scope, &found.open, parts, now);
                self.open.tell(*found, dropped);
            }
        }
    }
}

impl Scopes {
    fn adopt(&mut self, registry: &Registry) {
        registry.swap_registered(&mut self.arriving);
        self.known.extend(self.arriving.drain(..).map(|shared| (shared.id, Tracked { shared, is_wanted: None })));
    }

    /// Returns a scope; one that was registered during this look is adopted when its first record is read.
    fn find(&mut self, id: u64, registry: &Registry) -> Option<&mut Tracked> {
        if !self.known.contains_key(&id) {
            self.adopt(registry);
        }
        self.known.get_mut(&id)
    }
}

impl Tracked {
    fn is_wanted(&mut self, core: &Core) -> bool {
        let wanted = *self
            .is_wanted
            .get_or_insert_with(|| !core.outlets.is_empty() || core.retention.lock().wants(self.shared.trace_id));
        if !wanted {
            core.counters.recorded.fetch_add(1, Relaxed);
        }
        wanted
    }
}

fn close_if(is_told: bool, rows: &mut Rows, trace: TraceId, span: SpanId) {
    if is_told {
        rows.batch_mut().closed.push((trace, span));
    }
}
