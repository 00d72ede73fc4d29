//! What can be said after `flowglass export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments::StoreArgument;
use crate::verbs::moment;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportArguments {
    /// What to write.
    #[arg(long, value_enum, value_name = "FORM")]
    pub(super) to: Target,
    /// Only the traces of these runs: their ids, or enough of the beginning to be unique. Metrics belong to no run.
    #[arg(long = "run", value_name = "RUN")]
    pub(super) runs: Vec<String>,
    /// Only the traces of the runs that a query finds: `status:error started:-1d`.
    #[arg(long, value_name = "QUERY")]
    pub(super) query: Option<String>,
    /// Only what started or happened since: `2d` (ago), `2026-11-21`, `2026-11-21T10:30`.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub(super) since: Option<i64>,
    /// Only what started or happened before.
    #[arg(long, value_name = "TIME", value_parser = moment::parse)]
    pub(super) until: Option<i64>,
    /// The table that becomes CSV.
    #[arg(long, value_enum, default_value_t = Table::Spans)]
    pub(super) table: Table,
    /// The file; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) store: StoreArgument,
}

const EXAMPLES: &str = "\
Examples:
  flowglass export --to jsonl --out runs.jsonl        everything; `flowglass import` takes it back
  flowglass export --to chrome --run 4bf9 -o run.json for https://ui.perfetto.dev
  flowglass export --to otlp-json --since 1d | gzip > day.json.gz
  flowglass export --to csv --table logs --since 1h";

/// The forms of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Target {
    /// A record a line, with all that was recorded; `import` reads it.
    Jsonl,
    /// OTLP's JSON, a request a line, as OpenTelemetry's collector reads it; `import` does, too.
    OtlpJson,
    /// The tables of `flowglass sql` as a SQLite database.
    Sqlite,
    /// One table as CSV.
    Csv,
    /// A trace for Perfetto and Chrome's trace viewer.
    Chrome,
}

/// The tables of `flowglass sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Table {
    Runs,
    Spans,
    Events,
    Metrics,
    Logs,
    Attributes,
}
