//! How our closed sets stand in OTLP, both directions: kinds, statuses, span types, and spans that still run.
//!
//! OTLP has three status codes. Ours map to *unset* (ended well, cancelled) and *error* (failed, interrupted); cancelled and
//! interrupted are told apart by the attribute `span.status`. An explicit *ok* of others is kept as `otel.status_code = "OK"`,
//! the name that OpenTelemetry gives it where a format has no status, and becomes the code again on the way out.
//!
//! A span that still runs travels as Logfire's `pending_span`: a record with an id of its own, whose parent is the span that
//! runs, with the real parent as an attribute.
//!
//! That a run begins inside of another span stands in a bit of our own; OTLP has the attribute `pipeline.depth` = 0 for it.

use flowglass_model::{SpanId, SpanKind, SpanType, Status, flags};

/// The attribute that keeps an explicit status of *ok*.
pub(crate) const STATUS_CODE: &str = "otel.status_code";
/// The value of [`STATUS_CODE`].
pub(crate) const STATUS_CODE_OK: &str = "OK";
/// The attribute that says that a record is a span which still runs.
pub(crate) const PENDING: &str = "logfire.span_type";
/// The value of [`PENDING`].
pub(crate) const PENDING_SPAN: &str = "pending_span";
/// The attribute with the real parent of a span that still runs.
pub(crate) const PENDING_PARENT: &str = "logfire.pending_parent_id";

/// OTLP's `STATUS_CODE_OK`.
pub(crate) const CODE_OK: u64 = 1;
/// OTLP's `STATUS_CODE_ERROR`.
pub(crate) const CODE_ERROR: u64 = 2;

/// Returns the flags of a span as they are sent: a pipeline's without the bit that says that it is a run of its own.
pub(crate) const fn sent_flags(flags: u32, span_type: SpanType) -> u32 {
    if matches!(span_type, SpanType::Pipeline) { flags & !flags::IS_RUN_ROOT } else { flags }
}

/// Returns the flags of a pipeline that has a parent, from those that were sent and from whether its depth is 0.
pub(crate) const fn pipeline_flags(sent: u32, is_outermost: bool) -> u32 {
    let is_joined = is_outermost && sent & flags::IS_REMOTE == 0;
    if is_joined { sent | flags::IS_RUN_ROOT } else { sent & !flags::IS_RUN_ROOT }
}

/// Returns OTLP's code of a status, `explicit_ok` where the span says so itself.
pub(crate) const fn status_code(status: Status, explicit_ok: bool) -> u64 {
    match status {
        Status::Error | Status::Interrupted => CODE_ERROR,
        Status::Ok if explicit_ok => CODE_OK,
        _ => 0,
    }
}

/// Returns the value of `span.status`, for those that a code can't tell.
pub(crate) const fn status_word(status: Status) -> Option<&'static str> {
    match status {
        Status::Cancelled | Status::Interrupted => Some(status.as_str()),
        _ => None,
    }
}

/// Returns the status that a code means, or a `span.status` where there is one.
pub(crate) fn status(code: u64, told: Option<Status>) -> Status {
    told.unwrap_or(if code == CODE_ERROR { Status::Error } else { Status::Ok })
}

/// Returns OTLP's number of a kind.
pub(crate) const fn kind_code(kind: SpanKind) -> u64 {
    kind.code() as u64 + 1
}

/// Returns the kind with this number; internal where there is none, as OTLP says for "unspecified".
pub(crate) fn kind(code: u64) -> SpanKind {
    code.checked_sub(1).and_then(|code| u8::try_from(code).ok()).and_then(SpanKind::from_code).unwrap_or(SpanKind::Internal)
}

/// Returns the id of the record that says that a span still runs: always the same one for a span.
pub(crate) const fn pending_id(span: SpanId) -> SpanId {
    match span.to_u64() ^ 0x9e37_79b9_7f4a_7c15 {
        0 => SpanId::from_u64(1),
        id => SpanId::from_u64(id),
    }
}

/// What an attribute that arrives stands for, where it isn't simply an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Type(SpanType),
    Status(Status),
    Pending,
    PendingParent(SpanId),
}

impl Meaning {
    /// Says what a text attribute of a span stands for, if it isn't simply one.
    pub(crate) fn of(key: &[u8], text: &str) -> Option<Self> {
        // Most keys end here: only these lengths and letters are looked at twice.
        match key {
            b"span.type" => SpanType::from_word(text).map(Self::Type),
            b"span.status" => match Status::from_word(text)? {
                told @ (Status::Cancelled | Status::Interrupted) => Some(Self::Status(told)),
                _ => None,
            },
            b"logfire.span_type" => (text == PENDING_SPAN).then_some(Self::Pending),
            b"logfire.pending_parent_id" => text.parse().ok().map(Self::PendingParent),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use flowglass_model::conventions;

    use super::*;

    #[test]
    fn every_status_comes_back() {
        for &wanted in Status::ALL.iter().filter(|status| status.is_final() && **status != Status::Skipped) {
            let told = status_word(wanted).and_then(Status::from_word);
            assert_eq!(status(status_code(wanted, false), told), wanted);
        }
        assert_eq!(status(CODE_OK, None), Status::Ok);
        assert_eq!(status(7, None), Status::Ok);
    }

    #[test]
    fn every_kind_comes_back_and_unknown_ones_are_internal() {
        for &wanted in SpanKind::ALL {
            assert_eq!(kind(kind_code(wanted)), wanted);
        }
        assert_eq!((kind(0), kind(6), kind(u64::MAX)), (SpanKind::Internal, SpanKind::Internal, SpanKind::Internal));
    }

    #[test]
    fn the_names_are_those_of_the_conventions() {
        assert_eq!(Meaning::of(conventions::SPAN_TYPE.as_bytes(), "node"), Some(Meaning::Type(SpanType::Node)));
        assert_eq!(Meaning::of(conventions::SPAN_STATUS.as_bytes(), "cancelled"), Some(Meaning::Status(Status::Cancelled)));
        assert_eq!(Meaning::of(PENDING.as_bytes(), "span"), None);
        assert_eq!(
            Meaning::of(PENDING_PARENT.as_bytes(), "00000000000000ff"),
            Some(Meaning::PendingParent(SpanId::from_u64(255)))
        );
    }

    #[test]
    fn a_pending_record_never_has_the_id_of_nothing() {
        assert!(!pending_id(SpanId::from_u64(0x9e37_79b9_7f4a_7c15)).is_none());
        assert_ne!(pending_id(SpanId::from_u64(1)), SpanId::from_u64(1));
    }
}
