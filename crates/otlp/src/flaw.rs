//! What can be wrong with data that arrives.

use std::fmt;

/// What is wrong with something that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// It ends in the middle.
    Truncated,
    /// A number takes more than ten bytes, or more than 64 bits.
    Varint,
    /// A field's number is zero or too large, or its wire type doesn't exist.
    Tag,
    /// A field has another wire type than OTLP gives it.
    WireType,
    /// A group ends that didn't begin, or has another number.
    Group,
    /// A text isn't UTF-8.
    Utf8,
    /// A trace id isn't 16 bytes, or is all zeros.
    TraceId,
    /// A span id isn't 8 bytes, or is all zeros.
    SpanId,
    /// A parent's id isn't 8 bytes.
    ParentId,
    /// A time is after the year 2262.
    Time,
    /// It isn't JSON, or an object stands where OTLP has none.
    Json,
    /// A value in JSON has another type than OTLP gives it, or doesn't fit.
    JsonType,
    /// An id in JSON isn't hexadecimal.
    Hex,
    /// Bytes in JSON aren't base64.
    Base64,
    /// Values lie in one another deeper than the limit.
    Depth,
    /// The request has more rows than the limit.
    Rows,
    /// The request has more bytes than the limit.
    Bytes,
}

impl Flaw {
    /// Returns what is wrong, to be read after the name of what has it: `span "clean": a text isn't UTF-8`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "it ends in the middle",
            Self::Varint => "a number takes more than ten bytes",
            Self::Tag => "a field has a number or a wire type that doesn't exist",
            Self::WireType => "a field has another wire type than OTLP gives it",
            Self::Group => "a group ends that didn't begin",
            Self::Utf8 => "a text isn't UTF-8",
            Self::TraceId => "a trace id must have 16 bytes that aren't all zero",
            Self::SpanId => "a span id must have 8 bytes that aren't all zero",
            Self::ParentId => "a parent's span id must have 8 bytes or none",
            Self::Time => "a time lies after the year 2262",
            Self::Json => "it isn't JSON as OTLP has it",
            Self::JsonType => "a value has another type than OTLP gives it",
            Self::Hex => "an id isn't hexadecimal",
            Self::Base64 => "bytes aren't base64",
            Self::Depth => "values lie in one another too deep",
            Self::Rows => "the request holds too many records: send smaller ones",
            Self::Bytes => "the request is too large: send smaller ones",
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A request that can't be read at all, because its outermost layers are broken. Nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    flaw: Flaw,
}

impl DecodeError {
    /// Returns what is wrong.
    #[must_use]
    pub const fn flaw(&self) -> Flaw {
        self.flaw
    }
}

impl From<Flaw> for DecodeError {
    fn from(flaw: Flaw) -> Self {
        Self { flaw }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this isn't an OTLP request: {}", self.flaw)
    }
}

impl std::error::Error for DecodeError {}
