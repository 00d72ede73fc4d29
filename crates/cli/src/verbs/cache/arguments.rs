//! What can be said after `flowglass cache`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::arguments::StoreArgument;
use crate::verbs::size;

#[derive(Args)]
pub(crate) struct CacheArguments {
    #[command(subcommand)]
    pub(super) verb: CacheVerb,
}

#[derive(Subcommand)]
pub(super) enum CacheVerb {
    /// Say how much there is in the cache.
    Stats(PlaceArguments),
    /// List the entries, the newest first.
    List(ListArguments),
    /// Say which part of a node's key changed, so that it was computed.
    Explain(ExplainArguments),
    /// Remove what is old, or as much as it takes to come under a size.
    Prune(PruneArguments),
    /// Remove everything.
    Clear(ClearArguments),
}

#[derive(Args)]
pub(super) struct PlaceArguments {
    /// The folder of cached results [default: beside the store].
    #[arg(long, value_name = "PATH")]
    pub(super) cache: Option<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArgument,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct ListArguments {
    /// Only entries of this node: its name, or its path (`pipeline > node`).
    pub(super) node: Option<String>,
    /// How many entries at the most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(super) limit: usize,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

#[derive(Args)]
pub(super) struct ExplainArguments {
    /// A node: its name, or its path (`pipeline > node`). With a run before it, as that run computed it; else its newest entry.
    #[arg(value_name = "[RUN] NODE", num_args = 1..=2, required = true)]
    pub(super) run_and_node: Vec<String>,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

#[derive(Args)]
pub(super) struct PruneArguments {
    /// Remove entries that nobody has used for this long: `30d`, `12h`.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(super) older_than: Option<Duration>,
    /// Remove the least lately used entries until the cache is no larger than this: `1GB`, `500MB`.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(super) max_size: Option<u64>,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

#[derive(Args)]
pub(super) struct ClearArguments {
    /// Don't ask.
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

fn age(text: &str) -> Result<Duration, String> {
    flowglass::model::parse_duration(text).ok_or_else(|| "write it like `30d`, `12h` or `45m`".to_owned())
}
