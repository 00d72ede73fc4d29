//! Spans as whole, owned values: what reading gives back, one at a time.

use serde::{Deserialize, Serialize};

use crate::{AttributeValue, Attributes, SpanId, SpanKind, SpanType, Status, TraceId};

/// Bits of [`Span::flags`], as OTLP defines them.
pub mod flags {
    /// The trace is sampled.
    pub const SAMPLED: u32 = 0x1;
    /// It is known whether the parent is in another process.
    pub const HAS_IS_REMOTE: u32 = 0x100;
    /// The parent is in another process.
    pub const IS_REMOTE: u32 = 0x200;
}

/// One unit of work with a start and, unless it is still running, an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The trace that the span belongs to.
    pub trace_id: TraceId,
    /// The span's own id.
    pub span_id: SpanId,
    /// The span above it, or [`SpanId::NONE`].
    pub parent_id: SpanId,
    /// What it is called: `pipeline NAME`, `node NAME`, `map NAME`, `item INDEX`, `attempt N`, or any text.
    pub name: String,
    /// OpenTelemetry's kind.
    pub kind: SpanKind,
    /// What it stands for.
    pub span_type: SpanType,
    /// How it stands.
    pub status: Status,
    /// Why, where the status is an error; else empty.
    pub status_message: String,
    /// When it started, in nanoseconds since 1970 UTC.
    pub start_unix_ns: i64,
    /// How long it took, in nanoseconds; while it runs, how long it has been seen running.
    pub duration_ns: u64,
    /// Bits of [`flags`].
    pub flags: u32,
    /// Keys and values.
    pub attributes: Attributes,
    /// What happened in it, in order of time.
    pub events: Vec<SpanEvent>,
}

impl Span {
    /// Returns the value of an attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Returns the text of an attribute.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attribute(key)?.as_str()
    }

    /// Returns when the span ended, in nanoseconds since 1970 UTC (while it runs, when it was last seen).
    #[must_use]
    pub fn end_unix_ns(&self) -> i64 {
        self.start_unix_ns.saturating_add_unsigned(self.duration_ns)
    }

    /// Says whether the span is the root of a run: a pipeline with no parent, or with one in another process.
    #[must_use]
    pub fn is_run_root(&self) -> bool {
        self.span_type == SpanType::Pipeline && (self.parent_id.is_none() || self.flags & flags::IS_REMOTE != 0)
    }
}

/// Something that happened at one moment of a span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanEvent {
    /// What it is called.
    pub name: String,
    /// When, in nanoseconds since 1970 UTC.
    pub unix_ns: i64,
    /// Keys and values.
    pub attributes: Attributes,
}

/// Who recorded: a service, a host, a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Keys and values.
    pub attributes: Attributes,
}
