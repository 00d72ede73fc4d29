//! What can be said to `flowglass query`.

use clap::{Args, ValueEnum};
use flowglass::store::query::Select;

use crate::arguments::StoreArgument;

/// Find runs, spans, events, metrics and logs.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct QueryArguments {
    /// What to find, as words and tests: `status:error node:encode duration>2s`. Nothing finds everything.
    #[arg(value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    /// What kind of thing; `in:runs` in the query says the same.
    #[arg(long = "what", visible_alias = "in", value_enum, default_value_t = What::Spans)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) store: StoreArgument,
    /// How many at the most [default: 100].
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// The order: started, duration or name, with a `-` for the largest first [default: -started].
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// Go on behind a page: what the page before said.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
    /// Only say how many there are.
    #[arg(long, conflicts_with_all = ["cursor", "limit", "sort"])]
    pub(crate) count: bool,
    /// Print one JSON object: `rows`, and `next` for `--cursor`.
    #[arg(long)]
    pub(crate) json: bool,
}

const EXAMPLES: &str = "\
Examples:
  flowglass query status:error started:-1h           what failed in the last hour
  flowglass query 'duration>2s sort:-duration'       the slowest spans
  flowglass query node:encode cache.status=miss      any attribute, by words (:) or exactly (=)
  flowglass query --what runs 'has(node:encode status:error)'
  flowglass query --what logs 'severity>=warn \"disk full\"'
  flowglass query '(llm or tool) not status:ok'      and, or, not, parentheses";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum What {
    Runs,
    Spans,
    Events,
    Metrics,
    Logs,
}

impl What {
    pub(crate) const fn select(self) -> Select {
        match self {
            Self::Runs => Select::Runs,
            Self::Spans => Select::Spans,
            Self::Events => Select::Events,
            Self::Metrics => Select::Metrics,
            Self::Logs => Select::Logs,
        }
    }
}
