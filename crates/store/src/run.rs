//! What stores answer: runs, and how large the store is.

use std::path::PathBuf;

use flowglass_model::{AttributeValue, Fingerprint, RunId, Span, SpanId, Status, conventions as names};
use serde::{Deserialize, Serialize};

/// One run: a trace, or the part of one, whose root is a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The run's id.
    pub id: RunId,
    /// The run's root span.
    pub root: SpanId,
    /// The pipeline's name.
    pub name: String,
    /// The version that the pipeline's author gave, or empty.
    pub version: String,
    /// The fingerprint of the pipeline's graph, if one was recorded.
    pub fingerprint: Option<Fingerprint>,
    /// How the run stands; `interrupted` if the process that recorded it died before the end.
    pub status: Status,
    /// When it started, in nanoseconds since 1970 UTC.
    pub start_unix_ns: i64,
    /// How long it took, in nanoseconds; while it runs, how long it has been seen running.
    pub duration_ns: u64,
    /// How many of its spans have ended.
    pub span_count: u64,
    /// How many of those ended with an error.
    pub error_count: u64,
    /// How many nodes it computed. Known when it has ended, as are the next three.
    pub nodes: u64,
    /// How many nodes came from the cache.
    pub cache_hits: u64,
    /// How many nodes failed.
    pub failed: u64,
    /// What the cache saved, in milliseconds.
    pub saved_ms: f64,
    /// Why it failed, or empty.
    pub error: String,
}

impl RunRecord {
    /// Makes the record of a run from its root span and the counts of the spans in it.
    #[must_use]
    pub fn of_root(root: &Span, span_count: u64, error_count: u64) -> Self {
        let number =
            |key| root.attribute(key).and_then(AttributeValue::as_int).map_or(0, |number| number.max(0).cast_unsigned());
        let saved_ms = root.attribute(names::CACHE_SAVED_MS).and_then(AttributeValue::as_f64);
        let joined_at = if root.parent_id.is_none() { SpanId::NONE } else { root.span_id };
        Self {
            id: RunId { trace: root.trace_id, joined_at },
            root: root.span_id,
            name: root.text(names::PIPELINE_NAME).unwrap_or_else(|| root.name.trim_start_matches("pipeline ")).to_owned(),
            version: root.text(names::PIPELINE_VERSION).unwrap_or_default().to_owned(),
            fingerprint: root.text(names::PIPELINE_FINGERPRINT).and_then(|text| text.parse().ok()),
            status: root.status,
            start_unix_ns: root.start_unix_ns,
            duration_ns: root.duration_ns,
            span_count,
            error_count,
            nodes: number(names::NODE_COUNT),
            cache_hits: number(names::CACHE_HITS),
            failed: number(names::NODE_FAILED),
            saved_ms: saved_ms.filter(|saved_ms| saved_ms.is_finite()).unwrap_or(0.0),
            error: root.status_message.clone(),
        }
    }

    /// Returns when the run ended, in nanoseconds since 1970 UTC (while it runs, when it was last seen).
    #[must_use]
    pub fn end_unix_ns(&self) -> i64 {
        self.start_unix_ns.saturating_add_unsigned(self.duration_ns)
    }
}

/// Which runs to list, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFilter {
    /// The most runs to return; 20 by default.
    pub limit: usize,
    /// How many runs to leave out before the first one returned.
    pub offset: usize,
    /// Only runs that stand like this.
    pub status: Option<Status>,
    /// Only runs of the pipeline with exactly this name.
    pub name: Option<String>,
}

impl Default for RunFilter {
    fn default() -> Self {
        Self { limit: 20, offset: 0, status: None, name: None }
    }
}

/// Where a store is and how much it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// The store's file; of a server, its address without the password.
    pub path: PathBuf,
    /// The size of the file and its write-ahead log, or of the tables with their indexes, in bytes.
    pub size_bytes: u64,
    /// How many runs there are.
    pub runs: u64,
    /// How many spans have ended.
    pub spans: u64,
    /// How many segments the spans are in; on a server, how many partitions.
    pub segments: u64,
    /// The version of the store's format.
    pub format_version: u32,
}

/// How old and how new a store's records are, what has not ended, and who writes to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoreDetails {
    /// How many spans have not ended, or whose processes died.
    pub open_spans: u64,
    /// How many events, links, log records and points of metrics there are.
    pub others: u64,
    /// The start of the oldest span, in nanoseconds since 1970 UTC.
    pub oldest_unix_ns: Option<i64>,
    /// The start of the newest span, in nanoseconds since 1970 UTC.
    pub newest_unix_ns: Option<i64>,
    /// Who writes at the moment.
    pub writers: Vec<WriterInfo>,
}

/// A process that writes to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterInfo {
    /// The process.
    pub pid: u32,
    /// The host that it says it runs on; may be empty.
    pub host: String,
    /// When it first wrote, in nanoseconds since 1970 UTC.
    pub started_unix_ns: i64,
    /// When it last wrote, in nanoseconds since 1970 UTC.
    pub last_seen_unix_ns: i64,
}

/// The formats of a store before and after it was brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The format that it had.
    pub from: u32,
    /// The format that it has.
    pub to: u32,
}
