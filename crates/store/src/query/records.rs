//! What the things that stores answer with have in their fields.

use flowglass_model::{AttributeValue, Number, Resource, SpanId, TraceId, conventions as names};
use serde::Serialize;

use super::matches::{any_text, attribute, some_text, span_field, span_text, texts_of};
use super::{Field, Held, Number as Asked, Record, certainty};
use crate::hash::{hash, pair};
use crate::{FoundEvent, FoundLog, FoundPoint, FoundSpan, RunRecord};

/// A thing that answers list.
pub trait Listed: Record {
    /// Returns the thing's trace and span, as far as it has them.
    fn ids(&self) -> (TraceId, SpanId);

    /// Returns a number made of the thing's content where it has no ids of its own: two things with equal numbers are taken
    /// as equal. 0 where ids are enough.
    fn tie(&self) -> u64 {
        0
    }

    /// Returns where a span begins and how certain what is said of it is; nothing for things that don't replace each other.
    fn version(&self) -> Option<(i64, u8)> {
        None
    }
}

/// A run with its root span, from which it has its attributes.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundRun {
    /// The run.
    pub run: RunRecord,
    /// Its root, with its events.
    pub root: FoundSpan,
}

impl Record for FoundRun {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        let run = &self.run;
        Some(match field {
            Field::Name => Held::Text(&run.name),
            Field::Status => Held::Text(run.status.as_str()),
            Field::Duration => Held::Duration(run.duration_ns),
            Field::Started => Held::Time(run.start_unix_ns),
            Field::Ended => Held::Time(run.status.is_final().then(|| run.end_unix_ns())?),
            Field::Message => Held::Text(some_text(&run.error)?),
            Field::Attribute(name) if name == names::PIPELINE_NAME => Held::Text(&run.name),
            field => return self.root.field(field),
        })
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        passes(&self.run.name) || passes(&self.run.error) || span_text(&self.root.span, passes)
    }
}

impl Listed for FoundRun {
    fn ids(&self) -> (TraceId, SpanId) {
        (self.run.id.trace, self.run.root)
    }

    fn version(&self) -> Option<(i64, u8)> {
        Some((self.run.start_unix_ns, certainty(self.run.status)))
    }
}

impl Record for FoundSpan {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        span_field(&self.span, &self.resource.attributes, field)
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        span_text(&self.span, passes)
    }
}

impl Listed for FoundSpan {
    fn ids(&self) -> (TraceId, SpanId) {
        (self.span.trace_id, self.span.span_id)
    }

    fn version(&self) -> Option<(i64, u8)> {
        Some((self.span.start_unix_ns, certainty(self.span.status)))
    }
}

impl Record for FoundEvent {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        let event = &self.event;
        Some(match field {
            Field::Name | Field::Event => Held::Text(&event.name),
            Field::Started => Held::Time(event.unix_ns),
            Field::Trace => Held::Id(Some(self.trace_id).filter(|trace| !trace.is_zero())?.into()),
            Field::Span => Held::Id(self.span_id.some()?.into()),
            Field::Attribute(name) => attribute(&event.attributes, &self.resource.attributes, name)?,
            _ => return None,
        })
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        passes(&self.event.name) || texts_of(&self.event.attributes, passes)
    }
}

impl Listed for FoundEvent {
    fn ids(&self) -> (TraceId, SpanId) {
        (self.trace_id, self.span_id)
    }

    fn tie(&self) -> u64 {
        tie_of(&self.event, &self.resource)
    }
}

impl Record for FoundPoint {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        use flowglass_model::MetricValue::Number as Single;
        Some(match field {
            Field::Name => Held::Text(&self.metric.name),
            Field::Started => Held::Time(self.point.unix_ns),
            Field::Unit => Held::Text(some_text(&self.metric.unit)?),
            Field::Value => match self.point.value {
                Single(Number::Int(number)) => Held::Number(Asked::Int(number)),
                Single(Number::Float(number)) => Held::Number(Asked::Float(number)),
                _ => return None,
            },
            Field::Attribute(name) => attribute(&self.point.attributes, &self.resource.attributes, name)?,
            _ => return None,
        })
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        passes(&self.metric.name) || passes(&self.metric.description) || texts_of(&self.point.attributes, passes)
    }
}

impl Listed for FoundPoint {
    fn ids(&self) -> (TraceId, SpanId) {
        (TraceId::NONE, SpanId::NONE)
    }

    fn tie(&self) -> u64 {
        tie_of(&(&*self.metric, &self.point), &self.resource)
    }
}

impl Record for FoundLog {
    fn field(&self, field: &Field) -> Option<Held<'_>> {
        let log = &self.log;
        Some(match field {
            Field::Name => Held::Text(some_text(&log.event_name)?),
            Field::Started => Held::Time(self.unix_ns()),
            Field::Trace => Held::Id(Some(log.trace_id).filter(|trace| !trace.is_zero())?.into()),
            Field::Span => Held::Id(log.span_id.some()?.into()),
            Field::Severity => Held::Severity(log.severity, &log.severity_text),
            Field::Body | Field::Message => Held::Value(Some(&log.body).filter(|body| **body != AttributeValue::Null)?),
            Field::Attribute(name) => attribute(&log.attributes, &self.resource.attributes, name)?,
            _ => return None,
        })
    }

    fn any_text(&self, passes: &mut dyn FnMut(&str) -> bool) -> bool {
        let log = &self.log;
        passes(&log.event_name) || any_text(&log.body, passes) || texts_of(&log.attributes, passes)
    }
}

impl Listed for FoundLog {
    fn ids(&self) -> (TraceId, SpanId) {
        (self.log.trace_id, self.log.span_id)
    }

    fn tie(&self) -> u64 {
        tie_of(&self.log, &self.resource)
    }
}

/// What can't be written as JSON (no record of the model) is told apart by its resource only.
fn tie_of(thing: &impl Serialize, resource: &Resource) -> u64 {
    let digest = |json: serde_json::Result<Vec<u8>>| json.map_or(0, |json| hash(&json));
    pair(digest(serde_json::to_vec(thing)), digest(serde_json::to_vec(resource)))
}
