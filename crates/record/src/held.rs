//! Traces that weren't chosen, held until it is known whether they failed or were slow: bounded, the oldest goes first.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use flowglass_model::{Batch, RecordCounts, Status, TraceId, flags};

use crate::Tick;
use crate::core::Core;
use crate::fate::Fate;
use crate::open::Frame;
use crate::rows::Rows;
use crate::sampling::Tail;
use crate::scope_shared::ScopeShared;

/// What a trace takes before anything is in it, in bytes.
const EMPTY_BYTES: usize = 4 * 1024;
/// What a record takes besides its fields, in bytes.
const RECORD_BYTES: usize = 128;

/// When so many more traces than are held stand in their order, those that are decided are taken out.
const MANY_DECIDED: usize = 64;

/// Traces that are held.
#[derive(Debug, Default)]
pub(crate) struct Held {
    traces: HashMap<TraceId, HeldTrace>,
    /// Oldest first; some of them may be decided.
    order: VecDeque<TraceId>,
    /// Traces that ended and are to be let go: those that this look found, and those that the one before did.
    over: [Vec<TraceId>; 2],
    bytes: usize,
}

/// What is held of one trace.
#[derive(Debug)]
pub(crate) struct HeldTrace {
    pub(crate) rows: Rows,
    /// What other processes recorded of it.
    pub(crate) relayed: Vec<Batch>,
    fate: Arc<Fate>,
    since: Tick,
    bytes: usize,
}

/// What the end of a span says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing yet.
    Open,
    /// It is worth keeping.
    Keep,
    /// It is over, and wasn't worth keeping.
    LetGo,
}

impl Tail {
    /// Judges a trace by the end of one of its spans.
    pub(crate) fn judge(&self, scope: &ScopeShared, frame: &Frame, status: Status, duration_ns: u64) -> Judgement {
        let is_slow = self.slow_ns.is_some_and(|slow_ns| duration_ns >= slow_ns);
        let is_root = frame.is_local_root() || scope.remote_flags(frame) & flags::IS_REMOTE != 0;
        let has_failed = status == Status::Error || scope.has_error();
        match (self.keeps_errors && has_failed, is_root) {
            (true, _) => Judgement::Keep,
            (false, true) if is_slow => Judgement::Keep,
            (false, true) => Judgement::LetGo,
            (false, false) => Judgement::Open,
        }
    }
}

impl Held {
    /// Returns the rows of a trace that is held, for one more record with fields of so many bytes.
    pub(crate) fn rows(&mut self, core: &Core, scope: &ScopeShared, field_bytes: usize) -> Option<&mut Rows> {
        let fate = scope.held_fate();
        if fate.is_none() && (self.is_empty() || !self.traces.contains_key(&scope.trace_id)) {
            return None;
        }
        self.expect(core, scope);
        let held = self.traces.get_mut(&scope.trace_id)?;
        let bytes = RECORD_BYTES + field_bytes;
        held.bytes += bytes;
        self.bytes += bytes;
        Some(&mut held.rows)
    }

    /// Makes room for a trace that is to be held, where that is undecided.
    pub(crate) fn expect(&mut self, core: &Core, scope: &ScopeShared) {
        let fate = scope.held_fate().filter(|fate| fate.is_open() && !self.traces.contains_key(&scope.trace_id));
        if let Some(fate) = fate {
            self.begin(core, scope.trace_id, fate);
        }
    }

    /// Holds what another process recorded of a trace that is held.
    pub(crate) fn relay(&mut self, trace: TraceId, batch: Batch) {
        if let Some(held) = self.traces.get_mut(&trace) {
            let bytes = batch.size_bytes();
            held.bytes += bytes;
            self.bytes += bytes;
            held.relayed.push(batch);
        }
    }

    /// Takes a trace that is to be kept.
    pub(crate) fn keep(&mut self, trace: TraceId) -> Option<HeldTrace> {
        let held = self.take(trace)?;
        held.fate.keep();
        Some(held)
    }

    /// Says whether nothing is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.traces.is_empty()
    }

    /// Says whether a trace is held.
    pub(crate) fn has(&self, trace: TraceId) -> bool {
        !self.is_empty() && self.traces.contains_key(&trace)
    }

    /// Takes note that a trace is over. It is let go after the next look: what other threads recorded before its end may be read
    /// only then, and say that it failed.
    pub(crate) fn end(&mut self, trace: TraceId) {
        self.over[0].push(trace);
    }

    /// Lets the traces go that were over before this look. Returns what was held of them.
    pub(crate) fn settle(&mut self) -> RecordCounts {
        let mut counts = RecordCounts::default();
        for trace in std::mem::take(&mut self.over[1]) {
            if let Some(held) = self.take(trace) {
                held.fate.let_go();
                counts += held.counts();
            }
        }
        self.over.swap(0, 1);
        counts
    }

    /// Lets the oldest traces go until what is held fits. Returns what was held of them.
    pub(crate) fn shrink(&mut self, tail: Tail) -> RecordCounts {
        let mut counts = RecordCounts::default();
        while self.bytes > tail.bytes
            && let Some(trace) = self.order.pop_front()
        {
            if let Some(held) = self.take(trace) {
                held.fate.crowd_out();
                counts += held.counts();
            }
        }
        counts
    }

    /// Decides everything, because nothing more comes. Returns what is kept, and what was held of the rest.
    pub(crate) fn decide(&mut self, tail: Tail) -> (Vec<HeldTrace>, RecordCounts) {
        let (now, mut kept, mut counts) = (Tick::now(), Vec::new(), RecordCounts::default());
        self.order.clear();
        self.bytes = 0;
        for (_, held) in self.traces.drain() {
            let is_slow = tail.slow_ns.is_some_and(|slow_ns| held.since.elapsed_ns(now) >= slow_ns);
            if is_slow || (tail.keeps_errors && held.fate.has_error()) {
                held.fate.keep();
                kept.push(held);
            } else {
                held.fate.let_go();
                counts += held.counts();
            }
        }
        (kept, counts)
    }

    fn begin(&mut self, core: &Core, trace: TraceId, fate: &Arc<Fate>) {
        let rows = Rows::new(core, 0);
        let (fate, since) = (Arc::clone(fate), Tick::now());
        self.traces.insert(trace, HeldTrace { rows, relayed: Vec::new(), fate, since, bytes: EMPTY_BYTES });
        self.order.push_back(trace);
        self.bytes += EMPTY_BYTES;
    }

    fn take(&mut self, trace: TraceId) -> Option<HeldTrace> {
        let held = self.traces.remove(&trace)?;
        self.bytes -= held.bytes;
        if self.order.len() > 2 * self.traces.len() + MANY_DECIDED {
            let traces = &self.traces;
            self.order.retain(|trace| traces.contains_key(trace));
        }
        Some(held)
    }
}

/// Returns the trace that a worker's batch is of.
pub(crate) fn trace_of(batch: &Batch) -> Option<TraceId> {
    batch.spans.trace_id.first().or(batch.opened.trace_id.first()).or(batch.events.trace_id.first()).copied()
}

impl HeldTrace {
    fn counts(mut self) -> RecordCounts {
        let relayed = self.relayed.iter().map(Batch::counts);
        relayed.fold(self.rows.batch_mut().counts(), |all, counts| all + counts)
    }
}
