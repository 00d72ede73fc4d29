//! What can be tested: fields of things, short names for common attributes, and any attribute.

use std::borrow::Cow;

use flowglass_model::{SpanKind, SpanType, Status, conventions as names};

/// Something that a thing may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// What it is called.
    Name,
    /// How it stands.
    Status,
    /// OpenTelemetry's kind of a span.
    Kind,
    /// What a span stands for.
    Type,
    /// How long it took.
    Duration,
    /// When it started or happened.
    Started,
    /// When it ended.
    Ended,
    /// The trace, which for a run is the run.
    Trace,
    /// The span.
    Span,
    /// The span above.
    Parent,
    /// The message of its status.
    Message,
    /// The names of a span's events.
    Event,
    /// How severe a log is: its word.
    Severity,
    /// What a log says.
    Body,
    /// The value of a metric's point.
    Value,
    /// The unit of a metric.
    Unit,
    /// An attribute of the thing, or of its resource.
    Attribute(Cow<'static, str>),
}

/// Of what kind a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text.
    Text,
    /// One of a few words.
    Word,
    /// A length of time.
    Duration,
    /// A moment.
    Time,
    /// Hexadecimal digits, of which the first are enough.
    Id,
    /// Whatever the attribute has.
    Any,
}

/// The fields and their names; the first name of a field is the one that is written.
const FIELDS: &[(&str, Field)] = &[
    ("name", Field::Name),
    ("status", Field::Status),
    ("kind", Field::Kind),
    ("type", Field::Type),
    ("duration", Field::Duration),
    ("started", Field::Started),
    ("start", Field::Started),
    ("time", Field::Started),
    ("ended", Field::Ended),
    ("end", Field::Ended),
    ("run", Field::Trace),
    ("trace", Field::Trace),
    ("run_id", Field::Trace),
    ("trace_id", Field::Trace),
    ("span", Field::Span),
    ("span_id", Field::Span),
    ("parent", Field::Parent),
    ("parent_id", Field::Parent),
    ("message", Field::Message),
    ("event", Field::Event),
    ("severity", Field::Severity),
    ("level", Field::Severity),
    ("body", Field::Body),
    ("value", Field::Value),
    ("unit", Field::Unit),
];

/// Short names of common attributes, and the names that they stand for.
pub const ALIASES: &[(&str, &str)] = &[
    ("node", names::NODE_ID),
    ("pipeline", names::PIPELINE_NAME),
    ("path", names::PIPELINE_PATH),
    ("version", names::PIPELINE_VERSION),
    ("index", names::MAP_INDEX),
    ("item", names::MAP_ITEM),
    ("cache", names::CACHE_STATUS),
    ("saved", names::CACHE_SAVED_MS),
    ("attempt", names::RETRY_ATTEMPT),
    ("backend", names::BACKEND_NAME),
    ("worker", names::WORKER_ID),
    ("error", names::ERROR_TYPE),
    ("service", names::SERVICE_NAME),
    ("host", names::HOST_NAME),
    ("pid", names::PROCESS_PID),
    ("span.type", "span.type"),
    ("model", "gen_ai.request.model"),
    ("cost", "gen_ai.usage.cost"),
];

/// Single words that stand for a test: what a span is for.
pub(super) const FLAGS: &[(&str, SpanType)] = &[("llm", SpanType::Llm), ("tool", SpanType::Tool), ("rpc", SpanType::Rpc)];

impl Field {
    /// Returns the field with this name, in any of its spellings; a name that is no field's is an attribute's.
    #[must_use]
    pub fn named(name: &str) -> Self {
        if let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) {
            return field.clone();
        }
        if name == names::SPAN_TYPE {
            return Self::Type;
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        Self::Attribute(alias.map_or_else(|| name.to_owned().into(), |(_, attribute)| (*attribute).into()))
    }

    /// Returns the attribute with exactly this name.
    #[must_use]
    pub fn attribute(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Attribute(name.into())
    }

    /// Returns the name that is written.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Attribute(name) => name,
            field => FIELDS.iter().find(|(_, known)| known == field).map_or("", |(name, _)| name),
        }
    }

    /// Returns of what kind the values are.
    #[must_use]
    pub const fn kind(&self) -> FieldKind {
        match self {
            Self::Name | Self::Message | Self::Event | Self::Body | Self::Unit => FieldKind::Text,
            Self::Status | Self::Kind | Self::Type => FieldKind::Word,
            Self::Duration => FieldKind::Duration,
            Self::Started | Self::Ended => FieldKind::Time,
            Self::Trace | Self::Span | Self::Parent => FieldKind::Id,
            Self::Severity | Self::Value | Self::Attribute(_) => FieldKind::Any,
        }
    }

    /// Returns the words that the field's values are, where they are a closed set.
    pub(super) fn words(&self) -> Vec<&'static str> {
        match self {
            Self::Status => Status::ALL.iter().map(|status| status.as_str()).collect(),
            Self::Kind => SpanKind::ALL.iter().map(|kind| kind.as_str()).collect(),
            Self::Type => SpanType::ALL.iter().map(|kind| kind.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Every name that a person may have meant.
    pub(super) fn known_names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|(name, _)| *name).chain(ALIASES.iter().map(|(alias, _)| *alias))
    }

    /// How many nanoseconds one unit of the attribute has, where its name says so: `…_ms`, `….duration_ns`, `…_seconds`.
    #[must_use]
    pub fn unit_ns(&self) -> Option<f64> {
        let Self::Attribute(name) = self else { return None };
        let (_, unit) = name.rsplit_once(['_', '.'])?;
        match unit {
            "ns" | "nanos" => Some(1.0),
            "us" | "micros" => Some(1e3),
            "ms" | "millis" => Some(1e6),
            "s" | "sec" | "secs" | "seconds" => Some(1e9),
            _ => None,
        }
    }
}
