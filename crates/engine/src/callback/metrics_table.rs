//! The numbers of the metrics callback as a table for people.

use std::fmt;
use std::time::Duration;

use super::{MetricsSnapshot, NodeMetrics};

/// The columns that are always there, and those for what is measured on demand.
const COLUMNS: [&str; 12] =
    ["NODE", "CALLS", "FAILED", "CACHED", "RETRIED", "CANCELLED", "SKIPPED", "P50", "P95", "MAX", "CPU", "MEMORY"];

impl fmt::Display for MetricsSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_measured = self.nodes.iter().any(|node| node.cpu.is_some() || node.memory_bytes.is_some());
        let columns = if is_measured { COLUMNS.len() } else { COLUMNS.len() - 2 };
        let rows: Vec<[String; 12]> =
            std::iter::once(COLUMNS.map(str::to_owned)).chain(self.nodes.iter().map(NodeMetrics::row)).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            write!(f, "{:<1$}", row[0], widths[0])?;
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl NodeMetrics {
    fn row(&self) -> [String; 12] {
        let counts = [self.calls, self.failures, self.cache_hits, self.retries, self.cancelled, self.skipped];
        let [calls, failures, cache_hits, retries, cancelled, skipped] = counts.map(|count| count.to_string());
        let [p50, p95, max] = [0.5, 0.95, 1.0].map(|share| self.percentile(share).map_or_else(|| "-".to_owned(), short));
        let cpu = self.cpu.map_or_else(|| "-".to_owned(), short);
        let memory = self.memory_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        let place = format!("{} > {}", self.pipeline_path, self.node);
        [place, calls, failures, cache_hits, retries, cancelled, skipped, p50, p95, max, cpu, memory]
    }
}

/// A duration in three digits.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2}s"),
        1e-3.. => format!("{:.1}ms", seconds * 1e3),
        _ => format!("{:.1}µs", seconds * 1e6),
    }
}
