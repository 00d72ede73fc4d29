//! What stores answer: runs, and how large the store is.

use std::path::PathBuf;

use flowglass_model::{Fingerprint, RunId, SpanId, Status};
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
    /// The store's file.
    pub path: PathBuf,
    /// The size of the file and its write-ahead log, in bytes.
    pub size_bytes: u64,
    /// How many runs there are.
    pub runs: u64,
    /// How many spans have ended.
    pub spans: u64,
    /// How many segments the spans are in.
    pub segments: u64,
    /// The version of the file's format.
    pub format_version: u32,
}
