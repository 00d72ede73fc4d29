//! The owned form of an event, for replay and for the wire.

use serde::{Deserialize, Serialize};

use super::{Event, EventKind, EventVerb, Failure, Site, Subject};
use crate::{CacheStatus, RunId, SpanId};

/// The owned form of an [`Event`], for replay and for the wire.
///
/// A reader of an older build takes in what a newer one wrote: fields that it doesn't know are passed over, and a subject or
/// verb that it doesn't know becomes [`Subject::Other`] or [`EventVerb::Other`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each field is the field of `Event` or of its kind with the same name")]
pub struct EventRecord {
    /// The version of this form; see [`EventRecord::VERSION`].
    pub version: u32,
    pub seq: u64,
    pub at_unix_ns: i64,
    pub run: RunId,
    pub site: Site,
    pub verb: EventVerb,
    pub span: SpanId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex_digest")]
    pub signature: Option<[u8; 32]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_inside: bool,
}

impl EventRecord {
    /// The version written by this build.
    pub const VERSION: u32 = 1;

    /// Returns the event's name: `node.started`, `item.cached`, …
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.site.subject.as_str(), self.verb.as_str())
    }

    /// Returns the event that was recorded; none if it is of a kind that this build doesn't know, or lacks a fact of its kind.
    #[must_use]
    pub fn as_event(&self) -> Option<Event<'_>> {
        let kind = self.kind().filter(|_| self.site.subject != Subject::Other)?;
        let mut event = Event::new((self.seq, self.at_unix_ns), self.run, &self.site, self.span, self.index, kind);
        event.from_inside = self.from_inside;
        Some(event)
    }

    fn kind(&self) -> Option<EventKind<'_>> {
        let duration_ns = self.duration_ns.unwrap_or_default();
        Some(match self.verb {
            EventVerb::Started => EventKind::Started { total: self.total },
            EventVerb::Finished => EventKind::Finished { duration_ns, cache: self.cache.unwrap_or(CacheStatus::Off) },
            EventVerb::Cached => EventKind::Cached {
                signature: self.signature.as_ref().unwrap_or(&[0; 32]),
                lookup_ns: duration_ns,
                saved_ns: self.saved_ns.unwrap_or_default(),
            },
            EventVerb::Failed => EventKind::Failed { duration_ns, failure: self.failure.as_ref()? },
            EventVerb::Retried => EventKind::Retried {
                attempt: self.attempt.unwrap_or(1),
                delay_ns: self.delay_ns.unwrap_or_default(),
                failure: self.failure.as_ref()?,
            },
            EventVerb::Cancelled => EventKind::Cancelled { duration_ns },
            EventVerb::Skipped => EventKind::Skipped,
            EventVerb::Moved => {
                EventKind::Moved { from: self.from.as_deref()?, to: self.to.as_deref()?, worker: self.worker.as_deref() }
            }
            EventVerb::Other => return None,
        })
    }
}

impl From<&Event<'_>> for EventRecord {
    fn from(event: &Event<'_>) -> Self {
        let mut record = Self {
            version: Self::VERSION,
            seq: event.seq,
            at_unix_ns: event.at_unix_ns,
            run: event.run,
            site: event.site.clone(),
            verb: event.kind.verb(),
            span: event.span,
            index: event.index,
            total: None,
            duration_ns: event.duration_ns(),
            cache: None,
            signature: None,
            saved_ns: None,
            attempt: None,
            delay_ns: None,
            failure: event.failure().cloned(),
            from: None,
            to: None,
            worker: None,
            from_inside: event.from_inside,
        };
        match event.kind {
            EventKind::Started { total } => record.total = total,
            EventKind::Finished { cache, .. } => record.cache = Some(cache),
            EventKind::Cached { signature, saved_ns, .. } => {
                record.signature = Some(*signature);
                record.saved_ns = Some(saved_ns);
            }
            EventKind::Retried { attempt, delay_ns, .. } => {
                record.attempt = Some(attempt);
                record.delay_ns = Some(delay_ns);
            }
            EventKind::Moved { from, to, worker } => {
                (record.from, record.to) = (Some(from.to_owned()), Some(to.to_owned()));
                record.worker = worker.map(str::to_owned);
            }
            EventKind::Failed { .. } | EventKind::Cancelled { .. } | EventKind::Skipped => {}
        }
        record
    }
}

/// A digest as 64 hexadecimal digits.
mod hex_digest {
    use std::fmt::Write as _;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(digest: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
        let digits = digest.iter().flatten().fold(String::with_capacity(64), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        serializer.serialize_str(&digits)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 32]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("a signature is 64 hexadecimal digits");
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Some(digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SiteId, TraceId};

    fn site() -> Site {
        let (id, parent) = (SiteId(3), Some(SiteId(0)));
        Site { id, parent, subject: Subject::Node, name: "n".into(), path: "p > n".into(), depth: 1, children: 0, needed: true }
    }

    #[test]
    fn every_kind_comes_back_from_its_record() {
        let failure = Failure { error_type: "io".into(), message: "no".into(), causes: vec!["gone".into()] };
        let site = site();
        let kinds = [
            EventKind::Started { total: Some(4) },
            EventKind::Finished { duration_ns: 5, cache: CacheStatus::Write },
            EventKind::Cached { signature: &[0xa7; 32], lookup_ns: 6, saved_ns: 7 },
            EventKind::Failed { duration_ns: 8, failure: &failure },
            EventKind::Retried { attempt: 2, delay_ns: 9, failure: &failure },
            EventKind::Cancelled { duration_ns: 10 },
            EventKind::Skipped,
            EventKind::Moved { from: "local", to: "processes", worker: None },
            EventKind::Moved { from: "processes", to: "local", worker: Some("processes-1") },
        ];
        for kind in kinds {
            let event = Event::new((11, 12), TraceId::random().into(), &site, SpanId::NONE, Some(2), kind);
            let text = serde_json::to_string(&event.to_record()).unwrap();
            let record: EventRecord = serde_json::from_str(&text).unwrap();
            assert_eq!(record, event.to_record());
            assert_eq!(record.as_event().unwrap().to_record(), record, "{text}");
            assert_eq!(record.name(), event.name());
        }
    }

    #[test]
    fn what_a_newer_build_writes_is_read_and_passed_over() {
        let event = Event::new((1, 2), TraceId::random().into(), &site(), SpanId::NONE, None, EventKind::Skipped).to_record();
        let mut newer = serde_json::to_value(&event).unwrap();
        newer["version"] = 2.into();
        newer["weather"] = "fair".into();
        let read = |value: &serde_json::Value| serde_json::from_value::<EventRecord>(value.clone()).unwrap();
        assert!(read(&newer).as_event().is_some(), "a new field changes nothing");
        newer["verb"] = "postponed".into();
        assert_eq!((read(&newer).verb, read(&newer).as_event().is_none()), (EventVerb::Other, true));
        newer["verb"] = "started".into();
        newer["site"]["subject"] = "gate".into();
        assert_eq!((read(&newer).name().as_str(), read(&newer).as_event().is_none()), ("other.started", true));
    }

    #[test]
    fn a_failure_without_its_words_is_no_event() {
        let mut record =
            Event::new((1, 2), TraceId::random().into(), &site(), SpanId::NONE, None, EventKind::Skipped).to_record();
        record.verb = EventVerb::Failed;
        assert!(record.as_event().is_none());
        let mut value = serde_json::to_value(&record).unwrap();
        value["signature"] = "ab".into();
        assert!(serde_json::from_value::<EventRecord>(value).is_err());
    }
}
