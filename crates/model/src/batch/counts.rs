//! How many records of each kind there are, were delivered, or were lost.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Counts of records, by their tables. Links belong to their spans and exemplars to their points: they don't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordCounts {
    /// Spans that ended.
    pub spans: u64,
    /// Events of spans, and events without one.
    pub events: u64,
    /// Log records.
    pub logs: u64,
    /// Points of metrics.
    pub points: u64,
}

impl RecordCounts {
    /// Returns how many records there are in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.spans + self.events + self.logs + self.points
    }
}

impl Add for RecordCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            spans: self.spans + other.spans,
            events: self.events + other.events,
            logs: self.logs + other.logs,
            points: self.points + other.points,
        }
    }
}

impl AddAssign for RecordCounts {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
