//! Which open spans the sinks were told of, and which they should be told of now.

use std::collections::HashSet;

use flowglass_model::SpanId;

use crate::Tick;
use crate::id_hash::{BuildIdHasher, IdMap};
use crate::open::{Found, OpenFrame};
use crate::scope_shared::ScopeShared;
use crate::wake::Cause;

/// A span that has been open for less is told of only if an earlier look has seen it, in nanoseconds.
const TRIVIAL_NS: u64 = 50_000_000;

/// A span that a look found open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundOpen {
    pub(crate) scope: u64,
    pub(crate) open: OpenFrame,
}

/// Remembers which open spans the sinks know.
#[derive(Debug, Default)]
pub(crate) struct OpenSpans {
    told: IdMap<SpanId, Told>,
    seen: HashSet<SpanId, BuildIdHasher>,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    found: FoundOpen,
    /// How many records had been lost when it was told.
    dropped_before: u64,
    /// How many looks in a row have found it neither open nor ended.
    absences: u8,
}

impl OpenSpans {
    /// Says whether a span that is open should be told of now: the root of a run at once, another one when it isn't trivial.
    pub(crate) fn should_tell(&self, scope: &ScopeShared, open: &OpenFrame, cause: Cause, now: Tick) -> bool {
        let span = open.frame.span;
        !self.told.contains_key(&span)
            && (scope.is_run_root(&open.frame)
                || open.frame.start.elapsed_ns(now) >= TRIVIAL_NS
                || (cause != Cause::Chunk && self.seen.contains(&span)))
    }

    /// Remembers that the sinks were told of a span.
    pub(crate) fn tell(&mut self, found: FoundOpen, dropped_before: u64) {
        self.told.insert(found.open.frame.span, Told { found, dropped_before, absences: 0 });
    }

    /// Forgets a span that ended; says whether the sinks had been told that it is open.
    pub(crate) fn end(&mut self, span: SpanId) -> bool {
        !self.told.is_empty() && self.told.remove(&span).is_some()
    }

    /// Remembers what a look has seen, for the next one. Full chunks follow too closely to count.
    pub(crate) fn remember(&mut self, found: &Found<FoundOpen>, cause: Cause) {
        if cause != Cause::Chunk {
            self.seen.clear();
            self.seen.extend(found.keys());
        }
    }

    /// Returns the spans that the sinks hold for open whose scope is gone.
    pub(crate) fn of_scopes(&self, is_gone: impl Fn(u64) -> bool) -> Vec<FoundOpen> {
        self.told.values().map(|told| told.found).filter(|found| is_gone(found.scope)).collect()
    }

    /// Returns the spans that the sinks hold for open whose end must have been lost: records were, and two looks have
    /// found no trace of the span. Between two looks its end may just be on its way.
    pub(crate) fn lost(&mut self, found: &Found<FoundOpen>, cause: Cause, dropped: u64) -> Vec<FoundOpen> {
        if cause == Cause::Chunk {
            return Vec::new();
        }
        let mut lost = Vec::new();
        for (span, told) in &mut self.told {
            told.absences = if found.contains_key(span) { 0 } else { told.absences.saturating_add(1) };
            if told.absences >= 2 && dropped > told.dropped_before {
                lost.push(told.found);
            }
        }
        lost
    }
}
