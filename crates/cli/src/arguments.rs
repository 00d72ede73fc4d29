//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::location::VARIABLE;
use crate::verbs::cache::CacheArguments;
use crate::verbs::compare::CompareArguments;
use crate::verbs::config::ConfigArguments;
use crate::verbs::doctor::DoctorArguments;
use crate::verbs::export::ExportArguments;
use crate::verbs::import::ImportArguments;
use crate::verbs::prune::PruneArguments;
use crate::verbs::query::QueryArguments;
use crate::verbs::serve::ServeArguments;
use crate::verbs::sql::SqlArguments;
use crate::verbs::stats::StatsArguments;
use crate::verbs::store::StoreArguments;

/// A pipeline engine you can see through.
#[derive(Parser)]
#[command(name = "flowglass", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// When to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Run a pipeline file and watch it.
    Run(Box<RunArguments>),
    /// List the runs in the store, newest first.
    List(ListArguments),
    /// Show a run: its tree and its waterfall.
    Show(ShowArguments),
    /// Find runs, spans, events, metrics and logs.
    Query(QueryArguments),
    /// Show how runs went: failures and why, durations of each node, over any time.
    Stats(StatsArguments),
    /// Compare two runs, or two sets of runs: what became slower, what fails now, what else is different.
    Compare(CompareArguments),
    /// Draw the graph of a pipeline file.
    Graph(GraphArguments),
    /// Receive traces, metrics and logs of other programs by OTLP, and keep them in the store.
    Serve(ServeArguments),
    /// Ask the store in SQL.
    Sql(SqlArguments),
    /// Write what is stored as files that others read: JSON lines, OTLP, SQLite, CSV, Chrome traces.
    Export(ExportArguments),
    /// Take in what was exported, here or by another program.
    Import(ImportArguments),
    /// Forget old runs; what was counted of them stays.
    Prune(PruneArguments),
    /// Look after the store: what it is like, whether it is whole, its format.
    Store(StoreArguments),
    /// Look into the cache: what lies there, why a node was computed, how to make room.
    Cache(CacheArguments),
    /// Show the configuration that holds here, and where each value comes from.
    Config(ConfigArguments),
    /// Look whether the set-up works, and say what to do where it doesn't.
    Doctor(DoctorArguments),
}

#[derive(Args)]
pub(crate) struct StoreArgument {
    /// The store of runs: a file, made on first use [default: the nearest .flowglass/flowglass.db upwards, else here].
    #[arg(long, value_name = "PATH", env = VARIABLE)]
    pub(crate) store: Option<String>,
}

#[derive(Args)]
pub(crate) struct RunArguments {
    /// The pipeline file.
    pub(crate) file: PathBuf,
    /// Inputs, as `name=value`; `name=@file` takes the value from a file. Paths are relative to where you are.
    /// A list's elements are relative to the file's folder, except those that exist only from where you are.
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// An input, as `name=value` (the same as without the flag).
    #[arg(short = 'i', long = "input", value_name = "NAME=VALUE")]
    pub(crate) more_inputs: Vec<String>,
    /// Run once for each element: `name=@file` has one a line (or a .json or .jsonl list), `@items.jsonl` whole records.
    #[arg(long, value_name = "NAME=@FILE")]
    pub(crate) map: Vec<String>,
    /// How several mapped inputs are combined.
    #[arg(long, value_enum, default_value_t = MapModeArgument::Zip)]
    pub(crate) map_mode: MapModeArgument,
    /// Print this output, raw, and no other.
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    pub(crate) output: Option<String>,
    /// Print one JSON object that says everything.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write what is printed to a file.
    #[arg(short, value_name = "FILE")]
    pub(crate) o: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreArgument,
    /// The folder of cached results [default: beside the store].
    #[arg(long, value_name = "PATH")]
    pub(crate) cache: Option<PathBuf>,
    /// Neither use nor keep cached results.
    #[arg(long, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
    /// Send the run to an OTLP receiver too: `http://host:4318`, `otlp://host:4317`, `jaeger`, `tempo`, `logfire`, `honeycomb`,
    /// or into a file with `file:PATH`. Headers and certificates come from OTEL_EXPORTER_OTLP_*.
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Vec<String>,
    /// Write the run to standard error too: as a tree once it has ended, or as lines of OTLP JSON while it runs.
    #[arg(long, value_name = "FORM", value_enum, num_args = 0..=1, default_missing_value = "tree", require_equals = true)]
    pub(crate) console: Option<ConsoleArgument>,
    /// Put an attribute on every span of the run.
    #[arg(long = "attr", value_name = "KEY=VALUE")]
    pub(crate) attributes: Vec<String>,
    /// Take up a run again: what it finished comes from the cache, and the new run links to it.
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<String>,
    /// How many commands of one map may run at once [default: one a processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_workers: Option<u16>,
    /// Which items of maps get spans of their own: `auto` (all up to 1,000, else about 1,000), `each`, `off`, or a rate.
    /// [default: `sampling.map_items`]
    #[arg(long, value_name = "WHICH")]
    pub(crate) map_items: Option<String>,
    /// What is shown of values; secrets never are.
    /// [default: `capture.values`]
    #[arg(long, value_enum)]
    pub(crate) capture: Option<CaptureArgument>,
    /// How progress is shown: bars on a terminal, else lines.
    /// [default: `run.progress`]
    #[arg(long, value_enum)]
    pub(crate) progress: Option<ProgressArgument>,
    /// Show neither progress nor summary nor waterfall.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapModeArgument {
    /// The i-th elements together.
    Zip,
    /// Every combination.
    Product,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CaptureArgument {
    /// What every node is given and makes, up to 16 KiB of it.
    Full,
    /// How the values begin that items and failed nodes work on.
    Previews,
    /// Only of which type they are.
    Types,
    Off,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConsoleArgument {
    /// A tree of every trace.
    Tree,
    /// A line for each request, as OpenTelemetry's collector reads it.
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressArgument {
    Auto,
    Bars,
    Lines,
    Off,
}

#[derive(Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) store: StoreArgument,
    /// How many runs at the most.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    /// Only runs with this status: running, ok, error, cancelled or interrupted.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Only runs of the pipeline with this name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Print a JSON array.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct ShowArguments {
    /// The run: its id, or enough of its beginning to be unique [default: the newest].
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) store: StoreArgument,
    /// Only the tree.
    #[arg(long)]
    pub(crate) tree: bool,
    /// Only the waterfall.
    #[arg(long)]
    pub(crate) waterfall: bool,
    /// Only the table of where the time went.
    #[arg(long)]
    pub(crate) summary: bool,
    /// Only what failed: each failure with what its node was given, its attempts, and what became of the nodes around.
    #[arg(long)]
    pub(crate) errors: bool,
    /// The run, its graph and its spans as one JSON object.
    #[arg(long, conflicts_with_all = ["tree", "waterfall", "summary", "errors", "svg"])]
    pub(crate) json: bool,
    /// The waterfall as an SVG picture.
    #[arg(long, conflicts_with_all = ["tree", "waterfall", "summary", "errors"])]
    pub(crate) svg: bool,
    /// Show every row instead of folding long maps.
    #[arg(long)]
    pub(crate) all: bool,
    /// Write to a file.
    #[arg(short, value_name = "FILE")]
    pub(crate) o: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct GraphArguments {
    /// The pipeline file.
    pub(crate) file: PathBuf,
    /// Write a Mermaid flowchart instead of text.
    #[arg(long)]
    pub(crate) mermaid: bool,
    /// Write to a file.
    #[arg(short, value_name = "FILE")]
    pub(crate) o: Option<PathBuf>,
}
