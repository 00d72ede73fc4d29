//! One row of a waterfall: a span, or what was folded below its parent.

use flowglass_model::{CacheStatus, SpanId, SpanType, Status, conventions as names};
use serde::Serialize;

use crate::facts::{self, MapCounts};
use crate::{TreeNode, quantity};

/// One row of a waterfall.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What it is called below its parent: a name, `[3]` for an item, a sentence where spans are folded.
    pub label: String,
    /// Where it stands: `a > b > c[3]`.
    pub path: String,
    /// What it works on, where it is an item of a map and says so: the beginning of the mapped value.
    pub item: Option<String>,
    /// How many rows stand above it.
    pub depth: usize,
    /// The index of the row above it.
    pub parent: Option<usize>,
    /// The span; its parent's where spans are folded.
    pub span_id: SpanId,
    /// What it stands for.
    pub span_type: SpanType,
    /// How it stands.
    pub status: Status,
    /// What the cache said, where it was asked.
    pub cache: Option<CacheStatus>,
    /// What a cache hit saved, in milliseconds.
    pub saved_ms: f64,
    /// When it started, in nanoseconds from the beginning of the axis.
    pub offset_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// Its lane among its siblings, from 0: two rows of one lane never overlap.
    pub lane: u32,
    /// The most direct children that ran at one moment; 0 where there are none.
    pub lanes: u32,
    /// Counts, where it is a map.
    pub map: Option<MapCounts>,
    /// Which attempt it was, from 1, where there was more than one.
    pub attempt: Option<u64>,
    /// Where it ran, if it says so.
    pub backend: Option<String>,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// What it stands for, where it is no span but what was left out.
    pub folded: Option<Folded>,
    /// The index of its node in the [`Tree`](crate::Tree) that was laid out; its parent's where spans are folded.
    #[serde(skip)]
    pub node: usize,
}

/// Spans that were left out below one parent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Folded {
    /// How many direct children were left out, those without a span included.
    pub children: u64,
    /// How many spans were left out in all.
    pub spans: u64,
    /// Whether the children are items of a map.
    pub are_items: bool,
    /// How many of the children failed.
    pub failed: u64,
    /// How many of the children came from the cache.
    pub cached: u64,
    /// The median duration of the children, in nanoseconds, where known.
    pub p50_ns: Option<u64>,
    /// The longest duration among the children, in nanoseconds, where known.
    pub max_ns: Option<u64>,
}

impl Row {
    pub(super) fn of(at: usize, node: &TreeNode<'_>) -> Self {
        let span = node.span;
        Self {
            label: facts::label(span).into_owned(),
            path: String::new(),
            item: facts::item(span).map(str::to_owned),
            depth: node.depth,
            parent: node.parent,
            span_id: span.span_id,
            span_type: span.span_type,
            status: span.status,
            cache: facts::cache(span),
            saved_ms: facts::saved_ms(span),
            offset_ns: node.offset_ns,
            duration_ns: span.duration_ns,
            lane: 0,
            lanes: 0,
            map: MapCounts::of(span),
            attempt: facts::natural(span, names::RETRY_ATTEMPT).filter(|&attempt| attempt > 1),
            backend: span.text(names::BACKEND_NAME).map(str::to_owned),
            error: facts::error(span).map(str::to_owned),
            folded: None,
            node: at,
        }
    }

    /// Returns when it ended, in nanoseconds from the beginning of the axis.
    #[must_use]
    pub const fn end_ns(&self) -> u64 {
        self.offset_ns.saturating_add(self.duration_ns)
    }

    /// Says whether its result came from the cache.
    #[must_use]
    pub fn is_cached(&self) -> bool {
        self.cache == Some(CacheStatus::Hit)
    }

    /// Says whether it holds others rather than doing work itself: a pipeline or a map.
    #[must_use]
    pub const fn is_container(&self) -> bool {
        matches!(self.span_type, SpanType::Pipeline | SpanType::Map)
    }

    /// Says whether it ended badly: failed or interrupted.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self.status, Status::Error | Status::Interrupted)
    }
}

impl Folded {
    /// Returns the sentence for people: `… 9,987 more items (p50 1.2ms, max 45ms, 3 failed)`.
    #[must_use]
    pub fn text(&self) -> String {
        let noun = if self.are_items { "more item" } else { "more span" };
        let facts: Vec<String> = [
            self.p50_ns.filter(|_| self.children > 1).map(|ns| format!("p50 {}", quantity::duration(ns))),
            self.max_ns.map(|ns| format!("max {}", quantity::duration(ns))),
            (self.failed > 0).then(|| format!("{} failed", quantity::count(self.failed))),
            (self.cached > 0).then(|| format!("{} cached", quantity::count(self.cached))),
        ]
        .into_iter()
        .flatten()
        .collect();
        let counted = quantity::counted(self.children, noun);
        if facts.is_empty() { format!("… {counted}") } else { format!("… {counted} ({})", facts.join(", ")) }
    }
}
