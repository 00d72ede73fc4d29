//! What can be said to `flowglass stats`.

use std::time::Duration;

use clap::Args;

use crate::arguments::StoreArgument;
use crate::verbs::duration;

/// Show how runs went: failures and why, durations of each node, over any time.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    pub(super) store: StoreArgument,
    /// From when on: `24h` ago, `today`, `2026-11-21`, `2026-11-21T10:30` [default: all there is].
    #[arg(long, value_name = "WHEN")]
    pub(super) since: Option<String>,
    /// Only runs of the pipeline with this name, and the nodes right in it.
    #[arg(long, value_name = "NAME")]
    pub(super) pipeline: Option<String>,
    /// A line for each period of this length: `5m`, `1h`, `1d` (whole minutes).
    #[arg(long, value_name = "DURATION")]
    pub(super) every: Option<String>,
    /// With `--every`: the mean of this metric in each period, and whether failures and durations rise with it.
    #[arg(long, value_name = "METRIC", requires = "every")]
    pub(super) beside: Option<String>,
    /// What took longer than this, by name.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "1s", require_equals = true,
        value_parser = duration, conflicts_with = "every")]
    pub(super) bottlenecks: Option<Duration>,
    /// What the runs waited for: the places on their critical paths.
    #[arg(long, conflicts_with_all = ["every", "bottlenecks"])]
    pub(super) critical_path: bool,
    /// Which runs lack one of these stages: nodes, spans or events, with commas between them.
    #[arg(long, value_name = "STAGES", value_delimiter = ',', conflicts_with_all = ["every", "bottlenecks", "critical_path"])]
    pub(super) missing: Vec<String>,
    /// What language models cost, by model.
    #[arg(long, conflicts_with_all = ["every", "bottlenecks", "critical_path", "missing"])]
    pub(super) costs: bool,
    /// Exit with 1 if models cost more than this.
    #[arg(long, value_name = "AMOUNT", requires = "costs")]
    pub(super) budget: Option<f64>,
    /// Exit with 1 if a greater part of the runs failed: 0.05 for one in twenty.
    #[arg(long, value_name = "RATE", conflicts_with_all = ["every", "bottlenecks", "critical_path", "missing", "costs"])]
    pub(super) max_failure_rate: Option<f64>,
    /// How many lines at the most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 30)]
    pub(super) limit: usize,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  flowglass stats --since 1h --max-failure-rate 0.05       for a monitor: exit code 1 if more failed
  flowglass stats --every 1h --beside process.cpu.utilization
  flowglass stats --bottlenecks=2s --since today
  flowglass stats --critical-path --pipeline report        what to make faster
  flowglass stats --missing fetch,encode,publish           runs that did not get that far
  flowglass stats --costs --since 24h --budget 10";
