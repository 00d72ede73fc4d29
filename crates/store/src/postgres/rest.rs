//! What stands beside the columns of a row, in `data`: what columns don't keep exactly, or have no place for. Both directions.
//!
//! It is a list in MessagePack, whose order is never changed; a version that knows more writes more at the end. Up to version 4 of the
//! tables it was a map that held the attributes once more, or the whole record: such rows are read for ever.

use std::sync::Arc;

use flowglass_model::{
    AttributeValue, Attributes, InstrumentationScope, LogRecord, MetricPoint, Severity, Span, SpanDrops, SpanEvent,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::attributes::Unkept;
use super::failure::Failure;
use super::json;

#[derive(Serialize, Deserialize)]
struct SpanRest {
    flags: u32,
    unkept: Unkept,
    rare: Option<RareRest>,
}

/// What few spans have.
#[derive(PartialEq, Default, Serialize, Deserialize)]
struct RareRest {
    trace_state: String,
    dropped: [u32; 3],
    scope: Option<Arc<InstrumentationScope>>,
    /// The name, the message and the duration, where columns can't hold them.
    exact: Option<(String, String, u64)>,
}

/// A span up to version 4.
#[derive(Deserialize)]
struct OldSpanRest {
    flags: u32,
    attributes: Attributes,
    trace_state: String,
    dropped: [u32; 3],
    scope: Option<Arc<InstrumentationScope>>,
    exact: Option<(String, String, u64)>,
}

pub(super) fn of_span(span: &Span) -> Result<Vec<u8>, Failure> {
    let is_whole =
        json::is_exact(&span.name) && json::is_exact(&span.status_message) && i64::try_from(span.duration_ns).is_ok();
    let rare = RareRest {
        trace_state: span.trace_state.clone(),
        dropped: [span.dropped.attributes, span.dropped.events, span.dropped.links],
        scope: span.scope.clone(),
        exact: (!is_whole).then(|| (span.name.clone(), span.status_message.clone(), span.duration_ns)),
    };
    let rare = Some(rare).filter(|rare| *rare != RareRest::default());
    put(&SpanRest { flags: span.flags, unkept: Unkept::of(&span.attributes), rare })
}

/// Completes a span that has what its columns say.
pub(super) fn complete_span(span: &mut Span, data: &[u8], attributes: &str) -> Result<(), Failure> {
    let rare = if is_named(data) {
        let OldSpanRest { flags, attributes, trace_state, dropped, scope, exact } = get(data)?;
        (span.flags, span.attributes) = (flags, attributes);
        RareRest { trace_state, dropped, scope, exact }
    } else {
        let SpanRest { flags, unkept, rare } = get(data)?;
        (span.flags, span.attributes) = (flags, unkept.restore(attributes)?);
        rare.unwrap_or_default()
    };
    let [attributes, events, links] = rare.dropped;
    span.dropped = SpanDrops { attributes, events, links };
    (span.trace_state, span.scope) = (rare.trace_state, rare.scope);
    if let Some((name, message, duration_ns)) = rare.exact {
        (span.name, span.status_message, span.duration_ns) = (name, message, duration_ns);
    }
    Ok(())
}

#[derive(Serialize, Deserialize)]
struct EventRest {
    unkept: Unkept,
    dropped_attributes: u32,
    /// The name, where its column can't hold it.
    exact: Option<String>,
}

pub(super) fn of_event(event: &SpanEvent) -> Result<Vec<u8>, Failure> {
    put(&EventRest {
        unkept: Unkept::of(&event.attributes),
        dropped_attributes: event.dropped_attributes,
        exact: (!json::is_exact(&event.name)).then(|| event.name.clone()),
    })
}

/// Returns an event whose columns say this.
pub(super) fn event(data: &[u8], name: &str, unix_ns: i64, attributes: &str) -> Result<SpanEvent, Failure> {
    if is_named(data) {
        return get(data);
    }
    let EventRest { unkept, dropped_attributes, exact } = get(data)?;
    let name = exact.unwrap_or_else(|| name.to_owned());
    Ok(SpanEvent { name, unix_ns, attributes: unkept.restore(attributes)?, dropped_attributes })
}

#[derive(Serialize, Deserialize)]
struct LogRest {
    unix_ns: i64,
    observed_unix_ns: i64,
    flags: u32,
    unkept: Unkept,
    /// Of the body, as if it were an attribute without a name.
    unkept_body: Unkept,
    dropped_attributes: u32,
    scope: Option<Arc<InstrumentationScope>>,
    /// The event's name and the words of the severity, where columns can't hold them.
    exact: Option<(String, String)>,
}

pub(super) fn of_log(log: &LogRecord) -> Result<Vec<u8>, Failure> {
    let is_whole = json::is_exact(&log.event_name) && json::is_exact(&log.severity_text);
    put(&LogRest {
        unix_ns: log.unix_ns,
        observed_unix_ns: log.observed_unix_ns,
        flags: log.flags,
        unkept: Unkept::of(&log.attributes),
        unkept_body: Unkept::of(&vec![(String::new(), log.body.clone())]),
        dropped_attributes: log.dropped_attributes,
        scope: log.scope.clone(),
        exact: (!is_whole).then(|| (log.event_name.clone(), log.severity_text.clone())),
    })
}

/// What the columns of a log record say.
pub(super) struct LogColumns<'a> {
    pub(super) name: &'a str,
    pub(super) severity: i16,
    pub(super) severity_text: &'a str,
    pub(super) body: &'a str,
    pub(super) attributes: &'a str,
}

/// Returns a log record whose columns say this, but for its owner; where the whole record stands there, its owner, too.
pub(super) fn log(data: &[u8], columns: &LogColumns<'_>) -> Result<LogRecord, Failure> {
    if is_named(data) {
        return get(data);
    }
    let rest: LogRest = get(data)?;
    let body = rest.unkept_body.restore(&format!("{{\"\":{}}}", columns.body))?.pop();
    let (event_name, severity_text) = rest.exact.unwrap_or_else(|| (columns.name.to_owned(), columns.severity_text.to_owned()));
    let severity = u8::try_from(columns.severity).map_err(|_| Failure::Damaged("a severity is none"))?;
    Ok(LogRecord {
        unix_ns: rest.unix_ns,
        observed_unix_ns: rest.observed_unix_ns,
        severity: Severity(severity),
        severity_text,
        event_name,
        body: body.map_or(AttributeValue::Null, |(_, body)| body),
        flags: rest.flags,
        attributes: rest.unkept.restore(columns.attributes)?,
        dropped_attributes: rest.dropped_attributes,
        scope: rest.scope,
        ..LogRecord::default()
    })
}

#[derive(Serialize, Deserialize)]
struct PointRest {
    /// A point without its attributes, with the names of its fields, because the model may come to know more kinds of values.
    #[serde(with = "super::attributes::bytes")]
    point: Vec<u8>,
    unkept: Unkept,
}

pub(super) fn of_point(point: &MetricPoint) -> Result<Vec<u8>, Failure> {
    let bare = MetricPoint { attributes: Attributes::new(), ..point.clone() };
    put(&PointRest { point: put_named(&bare)?, unkept: Unkept::of(&point.attributes) })
}

/// Returns a point whose columns say this.
pub(super) fn point(data: &[u8], attributes: &str) -> Result<MetricPoint, Failure> {
    if is_named(data) {
        return get(data);
    }
    let PointRest { point, unkept } = get(data)?;
    Ok(MetricPoint { attributes: unkept.restore(attributes)?, ..get(&point)? })
}

/// Says whether a record was written with the names of its fields: MessagePack begins such a map with one of these bytes.
fn is_named(data: &[u8]) -> bool {
    data.first().is_some_and(|first| matches!(first, 0x80..=0x8f | 0xde | 0xdf))
}

fn put(rest: &impl Serialize) -> Result<Vec<u8>, Failure> {
    rmp_serde::to_vec(rest).map_err(|_| Failure::Damaged("a record can't be encoded"))
}

/// Writes a whole record of the model, with the names of its fields.
pub(super) fn put_named(record: &impl Serialize) -> Result<Vec<u8>, Failure> {
    rmp_serde::to_vec_named(record).map_err(|_| Failure::Damaged("a record can't be encoded"))
}

/// Reads what one of the others wrote.
pub(super) fn get<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    rmp_serde::from_slice(bytes).map_err(|_| Failure::Damaged("a record can't be read"))
}
