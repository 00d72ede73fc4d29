//! The query language: one tree for what is asked, its text form, a builder, and the meaning of both.
//!
//! A query is words, tests of fields and attributes, and how they are joined:
//!
//! ```text
//! status:error node:encode duration>2s              all of them
//! cache.status=hit or (started:-1h not "time out")  either, with free text
//! duration:1s..5s name:enc* sort:-duration limit:50 ranges, wildcards, an order
//! ```
//!
//! `:` looks for words and knows wildcards, ranges and several values (`status:error,cancelled`); `=` means exactly. Any name
//! that isn't a field's is an attribute's. The same text has the same meaning in every store: [`Expr::matches`] is that
//! meaning, and whatever a store does to be faster must agree with it.

mod builder;
mod collector;
mod cursor;
mod display;
mod error;
mod expr;
mod field;
mod matches;
mod moment;
mod parser;
mod pattern;
mod place;
mod records;
mod scanner;
mod sort;
#[cfg(test)]
mod tests;
mod traces;
mod value;

pub use builder::FieldName;
pub use collector::Collector;
pub(crate) use collector::{Counter, Takes, certainty};
pub use cursor::{Cursor, ParseCursorError};
pub use error::QueryError;
pub use expr::{Comparison, Condition, Expr, Literal, Number, Test};
pub use field::{ALIASES, Field, FieldKind};
pub use matches::{Held, IdText, Now, Record, SpanRecord};
pub use moment::Moment;
pub use pattern::Pattern;
pub use records::{FoundRun, Listed};
pub use sort::{Sort, SortKey};
pub use traces::{InTraces, TraceSets};

/// What kind of thing a query looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Select {
    /// Runs: their root spans.
    #[default]
    Runs,
    /// Spans of any trace.
    Spans,
    /// Events, on spans and free ones.
    Events,
    /// Points of metrics.
    Metrics,
    /// Logs.
    Logs,
}

impl Select {
    /// Every kind, in the order in which they are told.
    pub const ALL: &'static [Self] = &[Self::Runs, Self::Spans, Self::Events, Self::Metrics, Self::Logs];

    /// Returns the word for it: `runs`, `spans`, `events`, `metrics`, `logs`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Spans => "spans",
            Self::Events => "events",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }
}

/// How many things an answer has where nobody said.
pub const DEFAULT_LIMIT: usize = 100;

/// What is asked: which things, in which order, how many, behind which one.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The kind of thing.
    pub select: Select,
    /// What must hold for each.
    pub filter: Expr,
    /// Their order; the newest first by default.
    pub sort: Sort,
    /// The most things in an answer; [`DEFAULT_LIMIT`] by default.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

impl Query {
    /// Asks for everything of a kind, the newest first.
    #[must_use]
    pub fn new(select: Select) -> Self {
        Self { select, filter: Expr::All, sort: Sort::default(), limit: DEFAULT_LIMIT, after: None }
    }

    /// Reads a query. Words `sort:FIELD`, `sort:-FIELD` and `limit:N` say the order and how many; `in:runs` (or `in:spans`, …) says
    /// what is asked for, if it isn't `select`.
    ///
    /// # Errors
    /// If the text is no query: the error shows the place and, where there is one, what was probably meant.
    ///
    /// ```
    /// use flowglass_store::query::{Query, Select};
    ///
    /// let query = Query::parse(Select::Spans, "node:encode duration>2s sort:-duration").unwrap();
    /// assert_eq!(query.to_string(), "node.id:encode duration>2s sort:-duration");
    ///
    /// let error = Query::parse(Select::Spans, "status:eror").unwrap_err();
    /// assert_eq!(error.help(), Some("did you mean `error`?"));
    /// ```
    pub fn parse(select: Select, text: &str) -> Result<Self, QueryError> {
        parser::parse(select, text)
    }
}
