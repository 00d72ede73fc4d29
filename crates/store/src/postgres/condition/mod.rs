//! Filters as SQL with parameters: a condition that lets through everything that matches, and says whether it lets through more.
//!
//! What a filter means says [`Expr::matches`], and whatever the server sends is looked at once more, so that a condition only has to
//! be wide enough: upper and lower case, the ends of words and the like are left to us.

mod attributes;
mod fields;
mod like;

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};

use super::facets::{Facet, Times};
use super::failure::Failure;
use crate::query::{Expr, Now, Select};

/// A condition in SQL. It is never unknown, always true or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) sql: String,
    /// Whether it lets through nothing else than what matches.
    pub(super) is_exact: bool,
    /// What an index knows of it.
    pub(super) finds: Finds,
    /// What holds for the traces of rows that it lets through, by `s.trace_id` alone, where few belong to them.
    pub(super) of_traces: Option<String>,
    /// What of it is counted. All of these hold for what it lets through.
    pub(super) facets: Vec<Facet>,
    /// When what it lets through begins.
    pub(super) times: Times,
    /// Whether it lets through all of which these hold, and that begins then.
    pub(super) is_counted: bool,
}

/// How much an index finds that knows a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Finds {
    /// A few rows, whatever there is.
    Few,
    /// None, or many: that depends on what is asked for.
    Some,
    /// No index knows it.
    Unknown,
}

impl Condition {
    pub(super) fn exact(sql: impl Into<String>) -> Self {
        Self::exact_if(true, sql)
    }

    pub(super) fn wide(sql: impl Into<String>) -> Self {
        Self::exact_if(false, sql)
    }

    pub(super) fn always() -> Self {
        Self::exact("TRUE")
    }

    pub(super) fn never() -> Self {
        Self::exact("FALSE").finding(Finds::Few)
    }

    pub(super) fn exact_if(is_exact: bool, sql: impl Into<String>) -> Self {
        let (finds, of_traces, facets, times) = (Finds::Unknown, None, Vec::new(), Times::ALL);
        Self { sql: sql.into(), is_exact, finds, of_traces, facets, times, is_counted: false }
    }

    /// Says that it lets through what is counted as this, if it is counted.
    fn counted(self, facet: Option<Facet>) -> Self {
        Self { is_counted: facet.is_some(), facets: facet.into_iter().collect(), ..self }
    }

    /// Says that it lets through what begins then.
    fn beginning(self, times: Option<Times>) -> Self {
        Self { is_counted: times.is_some(), times: times.unwrap_or(Times::ALL), ..self }
    }

    /// Returns what is counted, where that is all that it asks for besides its times.
    pub(super) fn sole_facet(&self) -> Option<Facet> {
        match self.facets.as_slice() {
            [] if self.is_always() || self.is_counted => Some(Facet::every()),
            [facet] if self.is_counted => Some(facet.clone()),
            _ => None,
        }
    }

    /// Says that it is about `s.trace_id` alone.
    fn about_traces(self) -> Self {
        let of_traces = (self.finds == Finds::Few).then(|| self.sql.clone());
        Self { of_traces, ..self }
    }

    /// Says what an index knows of it.
    pub(super) fn finding(self, finds: Finds) -> Self {
        Self { finds, ..self }
    }

    fn is_always(&self) -> bool {
        self.sql == "TRUE"
    }

    pub(super) fn is_never(&self) -> bool {
        self.sql == "FALSE"
    }

    pub(super) fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        let is_exact = parts.iter().all(|part| part.is_exact);
        // One index is enough.
        let finds = parts.iter().map(|part| part.finds).min().unwrap_or(Finds::Unknown);
        if parts.iter().any(Self::is_never) {
            return Self::never();
        }
        let of_traces = parts.iter().find_map(|part| part.of_traces.clone());
        let parts: Vec<Self> = parts.into_iter().filter(|part| !part.is_always()).collect();
        let is_counted = parts.iter().all(|part| part.is_counted);
        let times = parts.iter().fold(Times::ALL, |times, part| times.and(part.times));
        let (sql, facets): (Vec<String>, Vec<Vec<Facet>>) = parts.into_iter().map(|part| (part.sql, part.facets)).unzip();
        let sql = if sql.is_empty() { "TRUE".to_owned() } else { format!("({})", sql.join(" AND ")) };
        Self { sql, is_exact, finds, of_traces, facets: facets.concat(), times, is_counted }
    }

    pub(super) fn any(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        let is_exact = parts.iter().all(|part| part.is_exact);
        // Each needs one.
        let finds = parts.iter().map(|part| part.finds).max().unwrap_or(Finds::Few);
        if parts.iter().any(Self::is_always) {
            return Self::exact_if(is_exact, "TRUE");
        }
        let parts: Vec<Self> = parts.into_iter().filter(|part| !part.is_never()).collect();
        let of_traces: Option<Vec<&str>> = parts.iter().map(|part| part.of_traces.as_deref()).collect();
        let of_traces = of_traces.filter(|each| !each.is_empty()).map(|each| format!("({})", each.join(" OR ")));
        // What holds for one of several need not hold for the others.
        let (facets, times, is_counted) = match parts.as_slice() {
            [only] => (only.facets.clone(), only.times, only.is_counted),
            _ => (Vec::new(), Times::ALL, false),
        };
        let sql: Vec<String> = parts.into_iter().map(|part| part.sql).collect();
        let sql = if sql.is_empty() { "FALSE".to_owned() } else { format!("({})", sql.join(" OR ")) };
        Self { sql, is_exact, finds, of_traces, facets, times, is_counted }
    }

    /// The opposite of a condition that lets through too much would let through too little.
    fn negated(self) -> Self {
        match self.is_exact {
            true if self.is_always() => Self::never(),
            true if self.is_never() => Self::always(),
            true => Self::exact(format!("(NOT {})", self.sql)),
            false => Self::wide("TRUE"),
        }
    }
}

/// From here on, what belongs to so many traces is looked for among all.
const MANY_TRACES: usize = 1_000;

/// A value that stands beside the SQL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Int(i64),
    Float(f64),
    Texts(Vec<String>),
    Ints(Vec<i64>),
}

impl Value {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(text) => (text, Type::TEXT),
            Self::Int(number) => (number, Type::INT8),
            Self::Float(number) => (number, Type::FLOAT8),
            Self::Texts(texts) => (texts, Type::TEXT_ARRAY),
            Self::Ints(numbers) => (numbers, Type::INT8_ARRAY),
        }
    }
}

/// The values of one statement, in the order of their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Values(Vec<Value>);

impl Values {
    /// Adds a value, and returns what names it.
    pub(super) fn add(&mut self, value: Value) -> String {
        self.0.push(value);
        format!("${}", self.0.len())
    }

    pub(super) fn text(&mut self, text: impl Into<String>) -> String {
        self.add(Value::Text(text.into()))
    }

    pub(super) fn typed(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.0.iter().map(Value::typed).collect()
    }
}

/// Finds the resources that a condition lets through, each as `r`.
pub(super) type FindResources<'a> = dyn FnMut(&str, &Values) -> Result<Vec<i64>, Failure> + 'a;

/// The traces that parts `has(…)` of a query ask for, by where these parts lie.
pub(super) type Traces = HashMap<usize, Vec<String>>;

/// Where a part of a query lies, which is borrowed as long as it is asked.
pub(super) fn address(expr: &Expr) -> usize {
    std::ptr::from_ref(expr).addr()
}

/// Makes conditions on the rows of one table, each as `s`.
pub(super) struct Builder<'a, 'f> {
    pub(super) select: Select,
    pub(super) now: Now,
    pub(super) traces: &'a Traces,
    pub(super) find_resources: &'a mut FindResources<'f>,
    pub(super) values: Values,
}

impl Builder<'_, '_> {
    /// Returns the condition for an expression.
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<Condition, Failure> {
        Ok(match expr {
            Expr::All => Condition::always(),
            Expr::And(parts) => Condition::all(self.each(parts)?),
            Expr::Or(parts) => Condition::any(self.each(parts)?),
            Expr::Not(inner) => self.expr(inner)?.negated(),
            Expr::Test(test) => self.test(test)?,
            Expr::Text(pattern) => self.any_text(pattern),
            Expr::Has(inner) => self.has(inner),
        })
    }

    fn each(&mut self, parts: &[Expr]) -> Result<Vec<Condition>, Failure> {
        parts.iter().map(|part| self.expr(part)).collect()
    }

    fn has(&mut self, inner: &Expr) -> Condition {
        match self.traces.get(&address(inner)) {
            _ if self.select == Select::Metrics => Condition::never(),
            None => Condition::wide("TRUE"),
            Some(traces) => {
                let count = traces.len();
                let traces = self.values.add(Value::Texts(traces.clone()));
                let finds = if count < MANY_TRACES { Finds::Few } else { Finds::Some };
                Condition::exact(format!("s.trace_id = ANY({traces})")).finding(finds).about_traces()
            }
        }
    }
}

#[cfg(test)]
mod tests;
