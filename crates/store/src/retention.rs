//! What a store may forget, and what it forgot.

use std::time::Duration;

use flowglass_model::Status;
use serde::{Deserialize, Serialize};

/// What a store forgets. Without a limit of age, size or number it forgets nothing.
///
/// Whole runs are forgotten, never parts of them, and none that is still running. What belongs to no run (metrics, logs and spans
/// of others) goes by its own time. Roll-ups stay: [`statistics`](crate::SqliteStore::statistics) count what was forgotten, too.
///
/// ```
/// # use std::time::Duration;
/// # use flowglass_model::Status;
/// use flowglass_store::RetentionPolicy;
///
/// let month = Duration::from_secs(30 * 24 * 3600);
/// // Runs that went well go after a month; failed ones stay.
/// let policy = RetentionPolicy { max_age: Some(month), statuses: vec![Status::Ok], ..RetentionPolicy::default() };
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetentionPolicy {
    /// Forget runs that began longer ago than this.
    pub max_age: Option<Duration>,
    /// Forget the oldest runs until the store takes no more bytes than this.
    pub max_size_bytes: Option<u64>,
    /// Forget all but so many of the newest runs; beside an age or a size, so many stay whatever these say.
    pub keep_last: Option<u64>,
    /// Forget only runs that stand like this, and nothing that belongs to no run; empty, the default, stands for all.
    pub statuses: Vec<Status>,
}

/// What a store forgot, or would forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Forgotten {
    /// How many runs.
    pub runs: u64,
    /// How many spans, those included that belong to no run; 0 where nothing was forgotten yet.
    pub spans: u64,
    /// What the store took before, in bytes.
    pub size_before_bytes: u64,
    /// What the store takes now, in bytes.
    pub size_after_bytes: u64,
}
