//! The numbers of the metrics callback as Prometheus reads them.
//!
//! The format is <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;

use super::{MetricsSnapshot, NodeMetrics};

/// Which shares of the calls are told with how long they took at most.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// A number of a node, if it has it.
type Read = fn(&NodeMetrics) -> Option<f64>;

/// What is told of each node: name, type, what it is, and the number.
const FAMILIES: [(&str, &str, &str, Read); 8] = [
    ("node_executions_total", "counter", "Calls of a node, without cache hits", |node| Some(count(node.calls))),
    ("node_errors_total", "counter", "Calls of a node that failed", |node| Some(count(node.failures))),
    ("node_retries_total", "counter", "Attempts of a node that were followed by another", |node| Some(count(node.retries))),
    ("node_cancelled_total", "counter", "Calls of a node that were stopped", |node| Some(count(node.cancelled))),
    ("node_skipped_total", "counter", "Calls of a node that never started", |node| Some(count(node.skipped))),
    ("cache_hits_total", "counter", "Results of a node that came from the cache", |node| Some(count(node.cache_hits))),
    ("node_cpu_seconds_total", "counter", "Processor time of the process while a node was called", |node| {
        node.cpu.map(|cpu| cpu.as_secs_f64())
    }),
    ("node_memory_bytes", "gauge", "The most memory of the process at the end of a node's call", |node| {
        node.memory_bytes.map(count)
    }),
];

impl MetricsSnapshot {
    /// Writes the numbers in the text format of Prometheus, to be served at `/metrics` or written to a file that a collector reads:
    /// counters `flowglass_node_executions_total` and the like, and the durations as the summary `flowglass_node_duration_seconds`.
    /// Each has the labels `pipeline` (the names of the pipelines around) and `node`.
    ///
    /// ```
    /// use flowglass_engine::Metrics;
    ///
    /// let metrics = Metrics::new();
    /// // … Callbacks::new().with(metrics.clone()) …
    /// let text = metrics.snapshot().to_prometheus();
    /// assert!(text.starts_with("# HELP flowglass_node_executions_total "));
    /// ```
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        for (name, kind, help, read) in FAMILIES {
            let numbers: Vec<_> = self.nodes.iter().filter_map(|node| Some((node, read(node)?))).collect();
            if numbers.is_empty() && kind == "gauge" {
                continue;
            }
            head(&mut text, name, kind, help);
            numbers.iter().for_each(|(node, number)| line(&mut text, name, &labels(node), *number));
        }
        head(&mut text, "node_duration_seconds", "summary", "How long calls of a node took");
        self.nodes.iter().for_each(|node| durations(&mut text, node));
        text
    }
}

fn durations(text: &mut String, node: &NodeMetrics) {
    let labels = labels(node);
    for share in QUANTILES {
        if let Some(seconds) = node.durations.quantile(share) {
            line(text, "node_duration_seconds", &format!("{labels},quantile=\"{share}\""), seconds);
        }
    }
    line(text, "node_duration_seconds_sum", &labels, node.durations.totals.sum.unwrap_or_default());
    line(text, "node_duration_seconds_count", &labels, count(node.durations.totals.count));
}

// Writing to a String can't fail, here and below.
fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP flowglass_{name} {help}.\n# TYPE flowglass_{name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, number: f64) {
    let _ = writeln!(text, "flowglass_{name}{{{labels}}} {number}");
}

fn labels(node: &NodeMetrics) -> String {
    format!("pipeline=\"{}\",node=\"{}\"", escaped(&node.pipeline_path), escaped(&node.node))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[expect(clippy::cast_precision_loss, reason = "the format has no other numbers")]
const fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_can_not_break_the_format() {
        let mut node = NodeMetrics {
            node: "a \"b\"\\\n".to_owned(),
            pipeline_path: "outer > inner".to_owned(),
            calls: 2,
            cpu: Some(Duration::from_millis(1500)),
            ..NodeMetrics::default()
        };
        node.durations.record(0.25);
        let text = MetricsSnapshot { nodes: vec![node] }.to_prometheus();
        let labels = r#"{pipeline="outer > inner",node="a \"b\"\\\n"}"#;
        let has = |line: &str| assert!(text.lines().any(|known| known == line), "{line} in {text}");
        has(&format!("flowglass_node_executions_total{labels} 2"));
        has(&format!("flowglass_node_cpu_seconds_total{labels} 1.5"));
        has(&format!("flowglass_node_duration_seconds_count{labels} 1"));
        has("# TYPE flowglass_node_duration_seconds summary");
        assert!(!text.contains("memory"), "what wasn't measured isn't told");
        assert!(text.lines().all(|line| line.starts_with('#') || line.starts_with("flowglass_")), "{text}");
    }
}
