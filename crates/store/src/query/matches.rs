//! What a query means: whether a thing matches. Every store must agree with this.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use flowglass_model::{AttributeValue, Attributes, Severity, Span, SpanEvent, SpanId, TraceId, conventions as names};

use super::expr::Number;
use super::{Condition, Expr, Field, Literal, Pattern, Test};

/// When a query runs, in nanoseconds since 1970 UTC: `-1h` is seen from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now(pub i64);

impl Now {
    /// Asks the system's clock.
    #[must_use]
    pub fn system() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// A thing that can be asked for.
pub trait Record {
    /// Returns what the thing has in a field; none if it has no such field.
    fn field(&self, field: &Field) -> Option<Held<'_>>;

    /// Says whether some text of the thing passes: its name, its messages, values of its attributes.
    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool;

    /// Says whether some span of the thing's trace matches. A thing that knows nothing of its trace answers for itself.
    fn trace_has(&self, expr: &Expr, now: Now) -> bool
    where
        Self: Sized,
    {
        expr.matches(self, now)
    }
}

/// What a thing has in a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Held<'a> {
    /// Text, or a word of a closed set.
    Text(&'a str),
    /// An id.
    Id(IdText),
    /// Nanoseconds since 1970 UTC.
    Time(i64),
    /// Nanoseconds.
    Duration(u64),
    /// A number.
    Number(Number),
    /// The value of an attribute.
    Value(&'a AttributeValue),
    /// Events, the name of one of which must pass.
    Events(&'a [SpanEvent]),
    /// How severe a log is: a number, a name of OpenTelemetry's or the words of its source.
    Severity(Severity, &'a str),
}

/// The lower-case hexadecimal digits of an id, without an allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdText {
    digits: [u8; 32],
    length: usize,
}

impl IdText {
    fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

impl From<TraceId> for IdText {
    fn from(id: TraceId) -> Self {
        Self::new(&id.to_bytes())
    }
}

impl From<SpanId> for IdText {
    fn from(id: SpanId) -> Self {
        Self::new(&id.to_u64().to_be_bytes())
    }
}

impl IdText {
    fn new(bytes: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [b'0'; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        Self { digits, length: (bytes.len() * 2).min(32) }
    }
}

impl Expr {
    /// Says whether a thing matches.
    #[must_use]
    pub fn matches<R: Record>(&self, record: &R, now: Now) -> bool {
        match self {
            Self::All => true,
            Self::And(parts) => parts.iter().all(|part| part.matches(record, now)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(record, now)),
            Self::Not(inner) => !inner.matches(record, now),
            Self::Test(test) => record.field(&test.field).is_some_and(|held| test.passes(&held, now)),
            Self::Text(pattern) => record.any_text(&mut |text| pattern.occurs_in(text)),
            Self::Has(inner) => record.trace_has(inner, now),
        }
    }
}

impl Test {
    /// Says whether what a field holds passes.
    #[must_use]
    pub fn passes(&self, held: &Held<'_>, now: Now) -> bool {
        match &self.condition {
            Condition::Exists => exists(held),
            Condition::Like(patterns) => patterns.iter().any(|pattern| like(pattern, held)),
            Condition::Equals(literal) => self.equals(held, literal, now),
            Condition::Compare(side, literal) => self.compare(held, literal, now).is_some_and(|order| side.holds(order)),
            Condition::Between(first, last) => {
                let above = |first| self.compare(held, first, now).is_some_and(std::cmp::Ordering::is_ge);
                let below = |last| self.compare(held, last, now).is_some_and(std::cmp::Ordering::is_le);
                first.as_ref().is_none_or(above) && last.as_ref().is_none_or(below)
            }
        }
    }

    fn equals(&self, held: &Held<'_>, literal: &Literal, now: Now) -> bool {
        match held {
            Held::Text(text) => literal.text() == Some(text),
            Held::Id(id) => literal.text().is_some_and(|text| text.as_bytes() == id.as_bytes()),
            Held::Events(events) => events.iter().any(|event| literal.text() == Some(&event.name)),
            Held::Value(value) => value_equals(value, literal),
            Held::Severity(severity, words) => severity_equals(*severity, words, literal),
            Held::Time(_) | Held::Duration(_) | Held::Number(_) => {
                self.compare(held, literal, now).is_some_and(std::cmp::Ordering::is_eq)
            }
        }
    }

    fn compare(&self, held: &Held<'_>, literal: &Literal, now: Now) -> Option<std::cmp::Ordering> {
        match (held, literal) {
            (Held::Time(unix_ns), Literal::Time(moment)) => Some(unix_ns.cmp(&moment.unix_ns(now.0))),
            (Held::Duration(have), Literal::Duration(want)) => Some(have.cmp(want)),
            (Held::Number(have), literal) => have.compare(literal.number()?),
            (Held::Value(value), Literal::Duration(want)) => {
                #[expect(clippy::cast_precision_loss, reason = "an attribute's unit is rarely finer than a float")]
                let want = Number::Float(*want as f64 / self.field.unit_ns()?);
                number(value)?.compare(want)
            }
            (Held::Value(value), literal) => number(value)?.compare(literal.number()?),
            (Held::Severity(severity, _), literal) => severity_order(*severity, literal),
            _ => None,
        }
    }
}

fn exists(held: &Held<'_>) -> bool {
    match held {
        Held::Text(text) => !text.is_empty(),
        Held::Severity(severity, words) => *severity != Severity::UNSPECIFIED || !words.is_empty(),
        Held::Events(events) => !events.is_empty(),
        _ => true,
    }
}

fn like(pattern: &Pattern, held: &Held<'_>) -> bool {
    match held {
        Held::Text(text) => pattern.occurs_in(text),
        Held::Id(id) => id.as_bytes().starts_with(pattern.text().as_bytes()),
        Held::Events(events) => events.iter().any(|event| pattern.occurs_in(&event.name)),
        Held::Value(value) => any_text(value, &mut |text| pattern.occurs_in(text)),
        Held::Number(Number::Int(number)) => pattern.occurs_in(&number.to_string()),
        Held::Number(Number::Float(number)) => pattern.occurs_in(&number.to_string()),
        Held::Severity(severity, words) => pattern.occurs_in(severity.as_str()) || pattern.occurs_in(words),
        Held::Time(_) | Held::Duration(_) => false,
    }
}

fn severity_equals(severity: Severity, words: &str, literal: &Literal) -> bool {
    let is_word = literal.text().is_some_and(|text| !text.is_empty() && text == words);
    is_word || severity_order(severity, literal).is_some_and(std::cmp::Ordering::is_eq)
}

/// A severity is compared with a number or a name. An unknown one is neither larger nor smaller.
fn severity_order(severity: Severity, literal: &Literal) -> Option<std::cmp::Ordering> {
    if severity == Severity::UNSPECIFIED {
        return None;
    }
    let named = || literal.text().and_then(Severity::from_name).map(|other| severity.cmp(&other));
    let number = literal.number().and_then(|number| Number::Int(severity.0.into()).compare(number));
    number.or_else(named)
}

/// The number that a value is. Text is no number, whatever it spells.
fn number(value: &AttributeValue) -> Option<Number> {
    match value {
        AttributeValue::Int(number) => Some(Number::Int(*number)),
        AttributeValue::Float(number) => Some(Number::Float(*number)),
        _ => None,
    }
}

/// A word equals the text, the number and the truth value that it spells. No word equals a list: `:` looks inside.
fn value_equals(value: &AttributeValue, literal: &Literal) -> bool {
    match value {
        AttributeValue::Str(text) => literal.text() == Some(text),
        AttributeValue::Bool(flag) => literal.truth() == Some(*flag),
        AttributeValue::Int(_) | AttributeValue::Float(_) => {
            let order = number(value).zip(literal.number()).and_then(|(have, want)| have.compare(want));
            order.is_some_and(std::cmp::Ordering::is_eq)
        }
        AttributeValue::Bytes(bytes) => literal.text() == Some(&hex(bytes)),
        _ => false,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Says whether some text in a value passes: itself, its digits, or what lies inside of a list or a map.
pub(super) fn any_text(value: &AttributeValue, passes: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        AttributeValue::Str(text) => passes(text),
        AttributeValue::Bool(flag) => passes(if *flag { "true" } else { "false" }),
        AttributeValue::Int(number) => passes(&number.to_string()),
        AttributeValue::Float(number) => passes(&number.to_string()),
        AttributeValue::Bytes(bytes) => passes(&hex(bytes)),
        AttributeValue::List(values) => values.iter().any(|value| any_text(value, passes)),
        AttributeValue::Map(entries) => entries.iter().any(|(_, value)| any_text(value, passes)),
        _ => false,
    }
}

/// A span, with the resource that recorded it.
#[derive(Debug, Clone, Copy)]
pub struct SpanRecord<'a> {
    /// The span.
    pub span: &'a Span,
    /// The attributes of its resource.
    pub resource: &'a Attributes,
    /// Every span of its trace with this span among them, where they are at hand.
    pub trace: &'a [Span],
}

impl Record for SpanRecord<'_> {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        span_field(self.span, self.resource, field)
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        span_text(self.span, passes)
    }

    fn trace_has(&self, expr: &Expr, now: Now) -> bool {
        self.trace.iter().any(|span| expr.matches(&SpanRecord { span, ..*self }, now))
    }
}

/// Returns what a span has in a field.
pub(super) fn span_field<'a>(span: &'a Span, resource: &'a Attributes, field: &Field) -> Option<Held<'a>> {
    Some(match field {
        Field::Name => Held::Text(&span.name),
        Field::Status => Held::Text(span.status.as_str()),
        Field::Kind => Held::Text(span.kind.as_str()),
        Field::Type => Held::Text(span.span_type.as_str()),
        Field::Duration => Held::Duration(span.duration_ns),
        Field::Started => Held::Time(span.start_unix_ns),
        Field::Ended => Held::Time(span.status.is_final().then(|| span.end_unix_ns())?),
        Field::Trace => Held::Id(span.trace_id.into()),
        Field::Span => Held::Id(span.span_id.into()),
        Field::Parent => Held::Id(span.parent_id.some()?.into()),
        Field::Message => Held::Text(some_text(&span.status_message)?),
        Field::Event => Held::Events(&span.events),
        Field::Attribute(name) => attribute(&span.attributes, resource, name)?,
        Field::Severity | Field::Body | Field::Value | Field::Unit => return None,
    })
}

/// Says whether some text of a span or of its events passes.
pub(super) fn span_text(span: &Span, passes: &mut dyn FnMut(&str) -> bool) -> bool {
    passes(&span.name)
        || passes(&span.status_message)
        || texts_of(&span.attributes, passes)
        || span.events.iter().any(|event| passes(&event.name) || texts_of(&event.attributes, passes))
}

/// Returns the value of a thing's attribute, or else of its resource's.
pub(super) fn attribute<'a>(attributes: &'a Attributes, resource: &'a Attributes, name: &str) -> Option<Held<'a>> {
    let found = attributes.iter().chain(resource).find(|(key, _)| key == name);
    found.map(|(_, value)| Held::Value(value))
}

pub(super) fn some_text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Texts of attributes. What a span stands for is a field, not one of its texts.
pub(super) fn texts_of(attributes: &Attributes, passes: &mut dyn FnMut(&str) -> bool) -> bool {
    attributes.iter().filter(|(key, _)| key != names::SPAN_TYPE).any(|(_, value)| any_text(value, passes))
}
