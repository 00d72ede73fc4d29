//! Queries without text: fields and values of Rust, joined by methods.

use std::time::Duration;

use flowglass_model::{RunId, SpanId, SpanKind, SpanType, Status, TraceId};

use super::{Comparison, Condition, Cursor, Expr, Field, Literal, Moment, Pattern, Query, Select, Sort, Test};

/// The name of a field or an attribute, as in the text of a query.
pub trait FieldName {
    /// Returns the field.
    fn into_field(self) -> Field;
}

impl FieldName for Field {
    fn into_field(self) -> Field {
        self
    }
}

impl FieldName for &str {
    fn into_field(self) -> Field {
        Field::named(self)
    }
}

impl Query {
    /// Asks for runs.
    #[must_use]
    pub fn runs() -> Self {
        Self::new(Select::Runs)
    }

    /// Asks for spans.
    ///
    /// ```
    /// use std::time::Duration;
    /// use flowglass_model::Status;
    /// use flowglass_store::query::{Query, Select};
    ///
    /// let query = Query::spans().status(Status::Error).longer_than(Duration::from_secs(2)).is("node", "encode").limit(5);
    /// assert_eq!(query.to_string(), r#"status=error duration>2s node.id="encode" limit:5"#);
    /// ```
    #[must_use]
    pub fn spans() -> Self {
        Self::new(Select::Spans)
    }

    /// Asks for events.
    #[must_use]
    pub fn events() -> Self {
        Self::new(Select::Events)
    }

    /// Asks for points of metrics.
    #[must_use]
    pub fn metrics() -> Self {
        Self::new(Select::Metrics)
    }

    /// Asks for logs.
    #[must_use]
    pub fn logs() -> Self {
        Self::new(Select::Logs)
    }

    /// Narrows the query: this must hold, too.
    #[must_use]
    pub fn and(mut self, filter: Expr) -> Self {
        self.filter = Expr::all([self.filter, filter]);
        self
    }

    fn test(self, field: impl FieldName, condition: Condition) -> Self {
        self.and(Expr::Test(Test { field: field.into_field(), condition }))
    }

    /// Only things of one trace; for runs, that run.
    #[must_use]
    pub fn trace(self, trace: TraceId) -> Self {
        self.test(Field::Trace, Condition::Equals(Literal::Word(trace.to_string())))
    }

    /// Only things of one run.
    #[must_use]
    pub fn run(self, run: RunId) -> Self {
        self.trace(run.trace)
    }

    /// Only things of traces whose ids begin with these hexadecimal digits.
    #[must_use]
    pub fn beginning(self, digits: &str) -> Self {
        self.test(Field::Trace, Condition::Like(vec![Pattern::literal(digits)]))
    }

    /// Only this span, and what hangs on it: its events and logs.
    #[must_use]
    pub fn span(self, span: SpanId) -> Self {
        self.test(Field::Span, Condition::Equals(Literal::Word(span.to_string())))
    }

    /// Only spans right below this one.
    #[must_use]
    pub fn parent(self, parent: SpanId) -> Self {
        self.test(Field::Parent, Condition::Equals(Literal::Word(parent.to_string())))
    }

    /// Only things that stand like this.
    #[must_use]
    pub fn status(self, status: Status) -> Self {
        self.test(Field::Status, Condition::Equals(Literal::Word(status.as_str().to_owned())))
    }

    /// Only spans of this kind.
    #[must_use]
    pub fn kind(self, kind: SpanKind) -> Self {
        self.test(Field::Kind, Condition::Equals(Literal::Word(kind.as_str().to_owned())))
    }

    /// Only spans that stand for this.
    #[must_use]
    pub fn span_type(self, span_type: SpanType) -> Self {
        self.test(Field::Type, Condition::Equals(Literal::Word(span_type.as_str().to_owned())))
    }

    /// Only things with exactly this name.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.is(Field::Name, name)
    }

    /// Only things in whose field these words occur; `*` and `?` are wildcards.
    #[must_use]
    pub fn like(self, field: impl FieldName, pattern: &str) -> Self {
        self.test(field, Condition::Like(vec![Pattern::new(pattern)]))
    }

    /// Only things whose field is exactly this text.
    #[must_use]
    pub fn is(self, field: impl FieldName, text: impl Into<String>) -> Self {
        self.test(field, Condition::Equals(Literal::Text(text.into())))
    }

    /// Only things whose field is this number.
    #[must_use]
    pub fn equals(self, field: impl FieldName, number: impl Into<f64>) -> Self {
        self.test(field, Condition::Equals(Literal::Word(number.into().to_string())))
    }

    /// Only things whose number in a field is on this side of another.
    #[must_use]
    pub fn compare(self, field: impl FieldName, side: Comparison, number: impl Into<f64>) -> Self {
        self.test(field, Condition::Compare(side, Literal::Word(number.into().to_string())))
    }

    /// Only things that have this field.
    #[must_use]
    pub fn has(self, field: impl FieldName) -> Self {
        self.test(field, Condition::Exists)
    }

    /// Only things that took longer.
    #[must_use]
    pub fn longer_than(self, duration: Duration) -> Self {
        self.test(Field::Duration, Condition::Compare(Comparison::More, literal(duration)))
    }

    /// Only things that took no longer.
    #[must_use]
    pub fn at_most(self, duration: Duration) -> Self {
        self.test(Field::Duration, Condition::Compare(Comparison::AtMost, literal(duration)))
    }

    /// Only things that started at this moment or later.
    #[must_use]
    pub fn since(self, moment: Moment) -> Self {
        self.test(Field::Started, Condition::Compare(Comparison::AtLeast, Literal::Time(moment)))
    }

    /// Only things that started before this moment.
    #[must_use]
    pub fn before(self, moment: Moment) -> Self {
        self.test(Field::Started, Condition::Compare(Comparison::Less, Literal::Time(moment)))
    }

    /// Only things with these words in some text of theirs.
    #[must_use]
    pub fn text(self, words: &str) -> Self {
        self.and(Expr::Text(Pattern::literal(words)))
    }

    /// Only runs with a span that matches.
    #[must_use]
    pub fn with_span(self, expr: Expr) -> Self {
        self.and(Expr::Has(Box::new(expr)))
    }

    /// Sets the order.
    #[must_use]
    pub fn sort(mut self, sort: Sort) -> Self {
        self.sort = sort;
        self
    }

    /// Sets how many things an answer has at most.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Goes on behind a page.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }
}

fn literal(duration: Duration) -> Literal {
    Literal::Duration(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}
