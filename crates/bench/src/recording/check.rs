//! What a contender's sink has seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::payload::SPANS;

/// Counts spans, and children that were looked into and found right.
#[derive(Debug, Clone, Default)]
pub(super) struct Check(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    spans: AtomicUsize,
    right: AtomicUsize,
    wrong: AtomicUsize,
}

impl Check {
    /// Counts spans that arrived; says whether their children should be looked into.
    pub(super) fn count(&self, spans: usize) -> bool {
        self.0.spans.fetch_add(spans, Relaxed) < SPANS
    }

    /// Counts a child that was looked into.
    pub(super) fn child(&self, is_right: bool) {
        if is_right { &self.0.right } else { &self.0.wrong }.fetch_add(1, Relaxed);
    }

    /// Says what is wrong, if anything is, after so many spans were recorded.
    pub(super) fn result(&self, expected: usize) -> Result<(), String> {
        let [spans, right, wrong] = [&self.0.spans, &self.0.right, &self.0.wrong].map(|counter| counter.load(Relaxed));
        if spans == expected && right > 0 && wrong == 0 {
            return Ok(());
        }
        Err(format!("{spans} of {expected} spans arrived, {right} children were right, {wrong} wrong"))
    }
}
