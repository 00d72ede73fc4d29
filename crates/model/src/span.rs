//! Spans as whole, owned values: what reading gives back, one at a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{AttributeValue, Attributes, SpanId, SpanKind, SpanType, Status, TraceId};

/// Bits of [`Span::flags`]: the ten lowest ones are OTLP's.
pub mod flags {
    use super::{SpanId, SpanType};

    /// The trace is sampled.
    pub const SAMPLED: u32 = 0x1;
    /// It is known whether the parent is in another process.
    pub const HAS_IS_REMOTE: u32 = 0x100;
    /// The parent is in another process.
    pub const IS_REMOTE: u32 = 0x200;
    /// A run begins with the span, though its parent was recorded beside it. Ours alone: it never leaves by OTLP, where
    /// `pipeline.depth` = 0 says the same.
    pub const IS_RUN_ROOT: u32 = 0x100_0000;

    /// Says whether a span is the root of a run: a pipeline with no parent, with one in another process, or with one inside of
    /// which it was started as a run of its own.
    #[must_use]
    pub const fn begin_a_run(flags: u32, span_type: SpanType, parent_id: SpanId) -> bool {
        matches!(span_type, SpanType::Pipeline) && (parent_id.is_none() || flags & (IS_REMOTE | IS_RUN_ROOT) != 0)
    }
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
    /// Spans that it has to do with besides its parent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<SpanLink>,
    /// The W3C trace state; mostly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace_state: String,
    /// How much was left out of it.
    #[serde(default, skip_serializing_if = "SpanDrops::is_nothing")]
    pub dropped: SpanDrops,
    /// What recorded it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Arc<InstrumentationScope>>,
}

impl Default for Span {
    /// Makes a span that ended well at once and says nothing.
    fn default() -> Self {
        Self {
            trace_id: TraceId::NONE,
            span_id: SpanId::NONE,
            parent_id: SpanId::NONE,
            name: String::new(),
            kind: SpanKind::Internal,
            span_type: SpanType::Custom,
            status: Status::Ok,
            status_message: String::new(),
            start_unix_ns: 0,
            duration_ns: 0,
            flags: 0,
            attributes: Attributes::new(),
            events: Vec::new(),
            links: Vec::new(),
            trace_state: String::new(),
            dropped: SpanDrops::default(),
            scope: None,
        }
    }
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

    /// Says whether the span is the root of a run: a pipeline with no parent, with one in another process, or with one inside of
    /// which it was started as a run of its own ([`flags::IS_RUN_ROOT`]).
    #[must_use]
    pub const fn is_run_root(&self) -> bool {
        flags::begin_a_run(self.flags, self.span_type, self.parent_id)
    }
}

/// Something that happened at one moment, most often in a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanEvent {
    /// What it is called.
    pub name: String,
    /// When, in nanoseconds since 1970 UTC.
    pub unix_ns: i64,
    /// Keys and values.
    pub attributes: Attributes,
    /// How many attributes were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes: u32,
}

/// A span that another one has to do with, though it is not its parent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpanLink {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// The other trace's state; mostly empty.
    pub trace_state: String,
    /// Bits of [`flags`].
    pub flags: u32,
    /// Keys and values.
    pub attributes: Attributes,
    /// How many attributes were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes: u32,
}

/// How much was left out of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpanDrops {
    /// So many attributes.
    pub attributes: u32,
    /// So many events.
    pub events: u32,
    /// So many links.
    pub links: u32,
}

impl SpanDrops {
    /// Says whether nothing was left out.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What recorded: a library, or a part of a program.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InstrumentationScope {
    /// What it is called.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// Keys and values.
    pub attributes: Attributes,
    /// How many attributes were left out.
    pub dropped_attributes: u32,
    /// Where its names are defined; mostly empty.
    pub schema_url: String,
}

/// Who recorded: a service, a host, a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Keys and values.
    pub attributes: Attributes,
    /// How many attributes were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dropped_attributes: u32,
    /// Where its names are defined; mostly empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub schema_url: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
