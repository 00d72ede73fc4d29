//! What can be said after `flowglass sql`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::arguments::StoreArgument;
use crate::verbs::duration;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SqlArguments {
    /// One SELECT, as SQLite knows it; `-` reads it from standard input. Without one, the tables and their columns are listed.
    #[arg(value_name = "SELECT …")]
    pub(super) statement: Option<String>,
    #[command(flatten)]
    pub(super) store: StoreArgument,
    /// Print a JSON array with an object a row.
    #[arg(long, group = "form")]
    pub(super) json: bool,
    /// Print CSV with a header.
    #[arg(long, group = "form")]
    pub(super) csv: bool,
    /// Print tab-separated values with a header, as is done where standard output is no terminal.
    #[arg(long, group = "form")]
    pub(super) tsv: bool,
    /// The longest that the statement may take.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(super) timeout: Option<Duration>,
    /// Write to a file.
    #[arg(short, value_name = "FILE")]
    pub(super) o: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  flowglass sql \"SELECT name, count(*), avg(duration_ms) FROM spans GROUP BY name ORDER BY 3 DESC\"
  flowglass sql \"SELECT * FROM runs WHERE status = 'error' AND start > datetime('now', '-1 day')\"
  flowglass sql \"SELECT node_id, attributes ->> 'http.status_code' FROM spans WHERE type = 'node'\"";

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A table for people.
    Screen,
    Tsv,
    Csv,
    Json,
}

impl SqlArguments {
    /// Returns how to print, to a terminal or to something else.
    pub(super) const fn form(&self, is_terminal: bool) -> Form {
        match (self.json, self.csv, self.tsv) {
            (true, _, _) => Form::Json,
            (_, true, _) => Form::Csv,
            (_, _, true) => Form::Tsv,
            _ if is_terminal => Form::Screen,
            _ => Form::Tsv,
        }
    }
}
