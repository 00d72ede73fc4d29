//! How a piece of work ended, and what its span and its event say of that.

use flowglass_model::{AttributeValue, CacheStatus, EventKind, Failure, Status};
use flowglass_record::Value as AttributeInput;

use crate::error::{Error, ErrorKind};
use crate::value::KeyDigest;

/// How a piece of work ended.
pub(crate) enum Ended<'a> {
    Computed { cache: CacheStatus, signature: Option<&'a KeyDigest> },
    Hit { signature: Option<&'a KeyDigest>, saved_ns: u64, lookup_ns: u64 },
    Failed { error: &'a Error },
    Cancelled,
}

/// A value of a map's or a pipeline's span.
pub(crate) enum Aggregate {
    None,
    Int(u64),
    Float(f64),
    Nested(AttributeValue),
    Cache(CacheStatus),
}

/// The values of a call's span, in the order of [`CALL_KEYS`](crate::pipeline).
pub(super) struct CallValues<'a>(pub(super) [AttributeInput<'a>; 7]);

impl<'a> CallValues<'a> {
    /// The values of a call that came from the cache.
    #[inline]
    pub(super) fn of_hit(signature: Option<&'a KeyDigest>, lookup_ns: u64, saved_ns: u64) -> Self {
        use AttributeInput::{Float, None, Str};
        Self([
            Str(CacheStatus::Hit.as_str()),
            shown_signature(signature),
            Float(milliseconds(lookup_ns)),
            Float(milliseconds(saved_ns)),
            None,
            None,
            None,
        ])
    }

    #[inline]
    pub(super) fn of(ended: &Ended<'a>, attempts: u32, incomplete: AttributeInput<'a>, item: AttributeInput<'a>) -> Self {
        use AttributeInput::{Int, None, Str};
        let attempt = if attempts > 1 { Int(i64::from(attempts)) } else { None };
        Self(match *ended {
            Ended::Computed { cache: CacheStatus::Off, .. } => [None, None, None, None, attempt, incomplete, item],
            Ended::Computed { cache, signature: digest } => {
                [Str(cache.as_str()), shown_signature(digest), None, None, attempt, incomplete, item]
            }
            Ended::Hit { signature, saved_ns, lookup_ns } => {
                let Self([status, signature, lookup, saved, ..]) = Self::of_hit(signature, lookup_ns, saved_ns);
                [status, signature, lookup, saved, None, incomplete, item]
            }
            Ended::Failed { .. } | Ended::Cancelled => [None, None, None, None, attempt, incomplete, item],
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds for people")]
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// As much of a signature as its span shows.
fn shown_signature(signature: Option<&KeyDigest>) -> AttributeInput<'_> {
    signature.map_or(AttributeInput::None, |digest| AttributeInput::Bytes(&digest[..16]))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
pub(crate) fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

impl Aggregate {
    pub(super) fn input(&self) -> AttributeInput<'_> {
        match self {
            Self::None => AttributeInput::None,
            Self::Int(number) => AttributeInput::Int(number.cast_signed()),
            Self::Float(number) => AttributeInput::Float(*number),
            Self::Nested(value) => AttributeInput::Json(value),
            Self::Cache(status) => AttributeInput::Str(status.as_str()),
        }
    }
}

/// How a span ended.
pub(super) fn status(ended: &Ended<'_>) -> Status {
    match ended {
        Ended::Computed { .. } | Ended::Hit { .. } => Status::Ok,
        Ended::Failed { error } if error.kind() == ErrorKind::Cancelled => Status::Cancelled,
        Ended::Failed { .. } => Status::Error,
        Ended::Cancelled => Status::Cancelled,
    }
}

const NO_SIGNATURE: KeyDigest = [0; 32];

/// What an event says of an end.
pub(super) fn event_kind<'a>(ended: &Ended<'a>, duration_ns: u64, failure: Option<&'a Failure>) -> EventKind<'a> {
    match (ended, failure) {
        (Ended::Computed { cache, .. }, _) => EventKind::Finished { duration_ns, cache: *cache },
        (Ended::Hit { signature, saved_ns, lookup_ns }, _) => {
            EventKind::Cached { signature: signature.unwrap_or(&NO_SIGNATURE), lookup_ns: *lookup_ns, saved_ns: *saved_ns }
        }
        (Ended::Failed { error }, Some(failure)) if error.kind() != ErrorKind::Cancelled => {
            EventKind::Failed { duration_ns, failure }
        }
        _ => EventKind::Cancelled { duration_ns },
    }
}
