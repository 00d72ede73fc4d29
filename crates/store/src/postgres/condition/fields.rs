//! Tests of fields that have columns of their own.

use flowglass_model::{Severity, SpanKind, SpanType, Status, conventions as names};

use super::super::facets::{self, Facet, Times};
use super::super::json::{is_exact, storable};
use super::like;
use super::{Builder, Condition, Finds, Value};
use crate::query::{self, Comparison, Field, Held, Literal, Pattern, Select, Test};

/// What a field is, in the rows that are asked for.
enum Column {
    /// Text; the field isn't there where it is empty, if `sometimes`.
    Text {
        sql: &'static str,
        sometimes: bool,
    },
    /// One of a few words.
    Word {
        sql: &'static str,
        words: Vec<&'static str>,
    },
    /// Nanoseconds since 1970.
    Time(&'static str),
    /// Nanoseconds.
    Duration,
    /// An id; the field isn't there where it is empty, if `sometimes`.
    Id {
        sql: &'static str,
        sometimes: bool,
    },
    /// The names of a span's events.
    Events,
    Severity,
    /// The value of a point.
    Number,
    /// A log's body.
    Body,
    Attribute(String),
    /// No such thing.
    Nothing,
}

const END: &str = "least(s.start_unix_ns::numeric + s.duration_ns, 9223372036854775807)";

fn words<T: Copy>(all: &[T], as_str: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|value| as_str(*value)).collect()
}

impl Builder<'_, '_> {
    /// Returns the condition for a test.
    pub(super) fn test(&mut self, test: &Test) -> Result<Condition, super::Failure> {
        let column = self.column(&test.field);
        Ok(match column {
            Column::Nothing => Condition::never(),
            Column::Text { sql, sometimes } => self.text(test, sql, sometimes),
            Column::Word { sql, words } => self.word(test, sql, &words),
            Column::Time(sql) => self.moment(test, sql),
            Column::Duration => self.duration(test),
            Column::Id { sql, sometimes } => self.id(test, sql, sometimes),
            Column::Events => self.events(test),
            Column::Severity => self.severity(test),
            Column::Number => self.number(test),
            Column::Body => self.body(test),
            Column::Attribute(key) => self.attribute(test, &key)?,
        })
    }

    fn column(&self, field: &Field) -> Column {
        match (self.select, field) {
            (Select::Runs, Field::Attribute(key)) if key == names::PIPELINE_NAME => {
                Column::Text { sql: "s.run", sometimes: false }
            }
            (_, Field::Attribute(key)) => Column::Attribute(key.clone().into_owned()),
            (Select::Runs, Field::Name) => Column::Text { sql: "s.run", sometimes: false },
            (Select::Runs | Select::Spans, field) => column_of_span(field),
            (Select::Events, Field::Name | Field::Event) | (Select::Metrics, Field::Name) => {
                Column::Text { sql: "s.name", sometimes: false }
            }
            (Select::Logs, Field::Name) => Column::Text { sql: "s.name", sometimes: true },
            (_, Field::Started) => Column::Time("s.unix_ns"),
            (Select::Events | Select::Logs, Field::Trace) => Column::Id { sql: "s.trace_id", sometimes: true },
            (Select::Events | Select::Logs, Field::Span) => Column::Id { sql: "s.span_id", sometimes: true },
            (Select::Logs, Field::Severity) => Column::Severity,
            (Select::Logs, Field::Body | Field::Message) => Column::Body,
            (Select::Metrics, Field::Unit) => Column::Text { sql: "s.unit", sometimes: true },
            (Select::Metrics, Field::Value) => Column::Number,
            _ => Column::Nothing,
        }
    }

    fn text(&mut self, test: &Test, sql: &str, sometimes: bool) -> Condition {
        let held = match &test.condition {
            query::Condition::Exists => Condition::exact(format!("{sql} <> ''")),
            query::Condition::Like(patterns) => self.like(sql, patterns),
            query::Condition::Equals(literal) => self.equal_text(sql, literal),
            // Text is neither larger nor smaller.
            condition => unordered(condition),
        };
        if sometimes { Condition::all([Condition::exact(format!("{sql} <> ''")), held]) } else { held }
    }

    fn equal_text(&mut self, sql: &str, literal: &Literal) -> Condition {
        let Some(text) = literal.text() else { return Condition::never() };
        let value = self.values.text(storable(text));
        let facet = self.facet_of_column(sql, &[text]);
        Condition::exact_if(is_exact(text), format!("{sql} = {value}")).counted(facet)
    }

    /// What is counted of a column with one of these texts.
    fn facet_of_column(&self, sql: &str, texts: &[&str]) -> Option<Facet> {
        let is_counted = matches!(self.select, Select::Runs | Select::Spans);
        let key = ["name", "kind", "type", "status", "run"].into_iter().find(|key| sql.strip_prefix("s.") == Some(key));
        let values = texts.iter().map(|text| facets::text(text)).collect::<Option<_>>()?;
        Some(Facet::one_of(key.filter(|_| is_counted)?, values))
    }

    /// Lets through texts in which the patterns may occur.
    pub(super) fn like(&mut self, sql: &str, patterns: &[Pattern]) -> Condition {
        let patterns = self.values.add(Value::Texts(like::wide(patterns)));
        Condition::wide(format!("{sql} COLLATE \"C\" ILIKE ANY({patterns})"))
    }

    /// There are few words: each is tried here.
    fn word(&mut self, test: &Test, sql: &str, words: &[&'static str]) -> Condition {
        let passing = words.iter().filter(|word| test.passes(&Held::Text(word), self.now));
        let passing: Vec<String> = passing.map(|word| (*word).to_owned()).collect();
        match passing.len() {
            0 => Condition::never(),
            all if all == words.len() => Condition::always(),
            _ => {
                // `ok` is what most spans are: the index holds all others, and knows only conditions that say so.
                let not_ok = sql == "s.status" && !passing.iter().any(|word| word == Status::Ok.as_str());
                let facet = self.facet_of_column(sql, &passing.iter().map(String::as_str).collect::<Vec<_>>());
                let passing = self.values.add(Value::Texts(passing));
                let besides = if not_ok { "s.status <> 'ok' AND " } else { "" };
                Condition::exact(format!("({besides}{sql} = ANY({passing}))")).counted(facet)
            }
        }
    }

    fn moment(&mut self, test: &Test, sql: &str) -> Condition {
        let now = self.now.0;
        let unix_ns = |literal: &Literal| match literal {
            Literal::Time(moment) => Some(moment.unix_ns(now)),
            _ => None,
        };
        let times = times(&test.condition, &unix_ns).filter(|_| sql == "s.start_unix_ns");
        self.ordered(&test.condition, sql, &unix_ns).beginning(times)
    }

    fn duration(&mut self, test: &Test) -> Condition {
        // No column holds more: whatever is as long is looked at here.
        let length = |literal: &Literal| match literal {
            Literal::Duration(length) => Some(i64::try_from(*length).unwrap_or(i64::MAX)),
            _ => None,
        };
        let condition = self.ordered(&test.condition, "s.duration_ns", &length);
        let is_long = |literal: &Literal| matches!(literal, Literal::Duration(length) if *length >= i64::MAX.unsigned_abs());
        let finds = if condition.sql == "TRUE" { Finds::Unknown } else { Finds::Some };
        if literals(&test.condition).any(is_long) { Condition::wide("TRUE") } else { condition.finding(finds) }
    }

    /// A number that has its column, compared with those that literals are.
    fn ordered(&mut self, condition: &query::Condition, sql: &str, number: &dyn Fn(&Literal) -> Option<i64>) -> Condition {
        let values = &mut self.values;
        let mut compared = |sign: &str, literal: &Literal| match number(literal) {
            Some(number) => Condition::exact(format!("{sql} {sign} {}", values.add(Value::Int(number)))),
            None => Condition::never(),
        };
        match condition {
            query::Condition::Exists => Condition::always(),
            query::Condition::Like(_) => Condition::never(),
            query::Condition::Equals(literal) => compared("=", literal),
            query::Condition::Compare(side, literal) => compared(side.as_str(), literal),
            query::Condition::Between(first, last) => {
                let first = first.as_ref().map(|first| compared(">=", first));
                let last = last.as_ref().map(|last| compared("<=", last));
                Condition::all(first.into_iter().chain(last))
            }
        }
    }

    fn id(&mut self, test: &Test, sql: &str, sometimes: bool) -> Condition {
        let held = match &test.condition {
            query::Condition::Exists => Condition::always(),
            query::Condition::Like(patterns) => {
                let each: Vec<_> = patterns.iter().map(|pattern| self.beginning(sql, pattern.text())).collect();
                Condition::any(each)
            }
            query::Condition::Equals(literal) => {
                self.equal_text(sql, literal).finding(found_by(sql, usize::MAX)).about_traces()
            }
            condition => unordered(condition),
        };
        if sometimes { Condition::all([Condition::exact(format!("{sql} <> ''")), held]) } else { held }
    }

    /// Nothing in an id is above `f`, so that `g` ends the range.
    fn beginning(&mut self, sql: &str, digits: &str) -> Condition {
        if !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Condition::never();
        }
        let (from, to) = (self.values.text(digits), self.values.text(format!("{digits}g")));
        Condition::exact(format!("({sql} >= {from} AND {sql} < {to})")).finding(found_by(sql, digits.len())).about_traces()
    }

    fn events(&mut self, test: &Test) -> Condition {
        let of_event = match &test.condition {
            query::Condition::Exists => Condition::always(),
            query::Condition::Like(patterns) => self.like("e.name", patterns),
            query::Condition::Equals(literal) => self.equal_text("e.name", literal),
            condition => return unordered(condition),
        };
        Condition::exact_if(of_event.is_exact, of_some_event(&of_event.sql))
    }

    fn severity(&mut self, test: &Test) -> Condition {
        // There are few numbers: each is tried here, with no words beside it.
        let passing = (0..=u8::MAX).filter(|number| test.passes(&Held::Severity(Severity(*number), ""), self.now));
        let passing: Vec<i64> = passing.map(i64::from).collect();
        let numbers = self.values.add(Value::Ints(passing));
        let by_number = Condition::exact(format!("s.severity = ANY({numbers})"));
        let by_words = match &test.condition {
            query::Condition::Exists => Condition::exact("s.severity_text <> ''"),
            query::Condition::Like(patterns) => self.like("s.severity_text", patterns),
            query::Condition::Equals(literal) if literal.text().is_some_and(|text| !text.is_empty()) => {
                self.equal_text("s.severity_text", literal)
            }
            _ => Condition::never(),
        };
        Condition::any([by_number, by_words])
    }

    fn number(&mut self, test: &Test) -> Condition {
        match &test.condition {
            query::Condition::Exists => Condition::exact("s.value IS NOT NULL"),
            query::Condition::Like(_) => Condition::wide("s.value IS NOT NULL"),
            condition => {
                let number = |literal: &Literal| literal.number().map(crate::query::Number::to_f64);
                self.compared(condition, "s.value", &number)
            }
        }
    }

    /// Floats are compared with one side to spare: whole numbers lose digits when they become floats.
    pub(super) fn compared(
        &mut self,
        condition: &query::Condition,
        sql: &str,
        number: &dyn Fn(&Literal) -> Option<f64>,
    ) -> Condition {
        let values = &mut self.values;
        let mut bounded = |sign: &str, literal: &Literal| match number(literal) {
            // What is no number is on no side.
            Some(number) => Condition::wide(format!("coalesce({sql} {sign} {}, FALSE)", values.add(Value::Float(number)))),
            None => Condition::never(),
        };
        match condition {
            query::Condition::Equals(literal) => bounded("=", literal),
            query::Condition::Compare(Comparison::Less | Comparison::AtMost, literal) => bounded("<=", literal),
            query::Condition::Compare(Comparison::More | Comparison::AtLeast, literal) => bounded(">=", literal),
            query::Condition::Between(first, last) => {
                let first = first.as_ref().map(|first| bounded(">=", first));
                let last = last.as_ref().map(|last| bounded("<=", last));
                let both = Condition::all(first.into_iter().chain(last));
                Condition { is_exact: false, ..both }
            }
            query::Condition::Exists | query::Condition::Like(_) => Condition::wide("TRUE"),
        }
    }

    /// Lets through things with some text in which the pattern may occur.
    pub(super) fn any_text(&mut self, pattern: &Pattern) -> Condition {
        let columns: &[&str] = match self.select {
            Select::Runs => &["s.run", "s.name", "s.message", "s.attributes::text"],
            Select::Spans => &["s.name", "s.message", "s.attributes::text"],
            Select::Events => &["s.name", "s.attributes::text"],
            Select::Metrics => &["s.name", "s.description", "s.attributes::text"],
            Select::Logs => &["s.name", "s.body::text", "s.attributes::text"],
        };
        let patterns = std::slice::from_ref(pattern);
        let mut parts: Vec<Condition> = columns.iter().map(|column| self.like(&format!("({column})"), patterns)).collect();
        if matches!(self.select, Select::Runs | Select::Spans) {
            let name = self.like("e.name", patterns);
            let attributes = self.like("(e.attributes::text)", patterns);
            parts.push(Condition::wide(of_some_event(&Condition::any([name, attributes]).sql)));
        }
        Condition::any(parts)
    }
}

fn column_of_span(field: &Field) -> Column {
    match field {
        Field::Name => Column::Text { sql: "s.name", sometimes: false },
        Field::Status => Column::Word { sql: "s.status", words: words(Status::ALL, Status::as_str) },
        Field::Kind => Column::Word { sql: "s.kind", words: words(SpanKind::ALL, SpanKind::as_str) },
        Field::Type => Column::Word { sql: "s.type", words: words(SpanType::ALL, SpanType::as_str) },
        Field::Duration => Column::Duration,
        Field::Started => Column::Time("s.start_unix_ns"),
        // What is in the table has ended.
        Field::Ended => Column::Time(END),
        Field::Trace => Column::Id { sql: "s.trace_id", sometimes: false },
        Field::Span => Column::Id { sql: "s.span_id", sometimes: false },
        Field::Parent => Column::Id { sql: "s.parent_id", sometimes: true },
        Field::Message => Column::Text { sql: "s.message", sometimes: true },
        Field::Event => Column::Events,
        _ => Column::Nothing,
    }
}

/// Says what an index finds by so many digits of an id. Only those of traces come first in one.
fn found_by(sql: &str, digits: usize) -> Finds {
    match digits {
        _ if sql != "s.trace_id" => Finds::Unknown,
        0..8 => Finds::Some,
        _ => Finds::Few,
    }
}

fn of_some_event(condition: &str) -> String {
    format!("EXISTS (SELECT FROM event e WHERE e.trace_id = s.trace_id AND e.span_id = s.span_id AND {condition})")
}

/// What has no order is neither larger nor smaller than anything. A range without ends lets everything through.
fn unordered(condition: &query::Condition) -> Condition {
    if literals(condition).next().is_none() { Condition::always() } else { Condition::never() }
}

/// Returns the stretch of time that a condition is about, with what literals are as moments.
fn times(condition: &query::Condition, unix_ns: &dyn Fn(&Literal) -> Option<i64>) -> Option<Times> {
    let since = |first_unix_ns| Times { first_unix_ns, ..Times::ALL };
    let until = |last_unix_ns| Times { last_unix_ns, ..Times::ALL };
    Some(match condition {
        query::Condition::Equals(literal) => since(unix_ns(literal)?).and(until(unix_ns(literal)?)),
        query::Condition::Compare(Comparison::Less, literal) => until(unix_ns(literal)?.checked_sub(1)?),
        query::Condition::Compare(Comparison::AtMost, literal) => until(unix_ns(literal)?),
        query::Condition::Compare(Comparison::More, literal) => since(unix_ns(literal)?.checked_add(1)?),
        query::Condition::Compare(Comparison::AtLeast, literal) => since(unix_ns(literal)?),
        query::Condition::Between(first, last) => {
            let first = first.as_ref().map_or(Some(Times::ALL), |first| unix_ns(first).map(since))?;
            first.and(last.as_ref().map_or(Some(Times::ALL), |last| unix_ns(last).map(until))?)
        }
        query::Condition::Exists | query::Condition::Like(_) => return None,
    })
}

/// Returns the literals of a condition.
fn literals(condition: &query::Condition) -> impl Iterator<Item = &Literal> {
    let (first, last) = match condition {
        query::Condition::Equals(literal) | query::Condition::Compare(_, literal) => (Some(literal), None),
        query::Condition::Between(first, last) => (first.as_ref(), last.as_ref()),
        query::Condition::Exists | query::Condition::Like(_) => (None, None),
    };
    first.into_iter().chain(last)
}
