//! Writing what is said less often than spans end: links, log records, events of no open span, names that aren't static.
//! All of them take the way of unusual records, so that the short one stays short.

use flowglass_model::{Severity, SpanId, Status, TraceId};

use super::Owner;
use super::layout::{kind, tag};
use super::write::{Key, Record, finish, write_attribute, write_text, write_value};
use crate::pen::Pen;
use crate::{Tick, Value};

/// Where in a trace something happened, or that it was outside of any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Standing {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) flags: u32,
}

/// An attribute of an open span whose key isn't static.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextAttributeRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) key: &'a str,
    pub(crate) value: Value<'a>,
}

impl Record for TextAttributeRecord<'_> {
    fn write(&self, pen: &mut Pen) -> Option<()> {
        write_attribute::<false>(pen, Key::Text(self.key), &self.value)
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.owner)
    }
}

/// Something that happened in an open span, under a name that isn't static.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextEventRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) at: Tick,
    pub(crate) name: &'a str,
    pub(crate) attributes: &'a [(&'a str, Value<'a>)],
}

impl Record for TextEventRecord<'_> {
    fn write(&self, pen: &mut Pen) -> Option<()> {
        pen.begin([self.at.to_raw(), 0])?;
        write_text::<false>(pen, tag::NAME, Key::None, self.name)?;
        write_attributes(pen, self.attributes)?;
        finish(pen, kind::EVENT, Status::Running)
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.owner)
    }
}

/// Something that happened in an open span, under a name that isn't static and with keys that are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedEventRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) at: Tick,
    pub(crate) name: &'a str,
    pub(crate) attributes: &'a [(&'static str, Value<'a>)],
}

impl Record for NamedEventRecord<'_> {
    fn write(&self, pen: &mut Pen) -> Option<()> {
        pen.begin([self.at.to_raw(), 0])?;
        write_text::<false>(pen, tag::NAME, Key::None, self.name)?;
        self.attributes.iter().try_for_each(|(key, value)| write_value::<false>(pen, Key::Static(key), value))?;
        finish(pen, kind::EVENT, Status::Running)
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.owner)
    }
}

/// A span that an open one has to do with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) to: Standing,
    pub(crate) attributes: &'a [(&'a str, Value<'a>)],
}

impl Record for LinkRecord<'_> {
    fn write(&self, pen: &mut Pen) -> Option<()> {
        let [high, low] = halves(self.to.trace);
        pen.begin([high, low, self.to.span.to_u64(), self.to.flags.into()])?;
        write_attributes(pen, self.attributes)?;
        finish(pen, kind::LINK, Status::Running)
    }

    fn owner(&self) -> Option<Owner> {
        Some(self.owner)
    }
}

/// Something that happened in no open span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LooseEventRecord<'a> {
    pub(crate) standing: Standing,
    pub(crate) at: Tick,
    pub(crate) name: &'a str,
    pub(crate) attributes: &'a [(&'a str, Value<'a>)],
}

impl Record for LooseEventRecord<'_> {
    fn write(&self, pen: &mut Pen) -> Option<()> {
        begin_loose(pen, self.at, self.standing, 0)?;
        write_text::<false>(pen, tag::NAME, Key::None, self.name)?;
        write_attributes(pen, self.attributes)?;
        finish(pen, kind::LOOSE_EVENT, Status::Running)
    }
}

/// Something that was said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogEntry<'a> {
    pub(crate) standing: Standing,
    pub(crate) at: Tick,
    pub(crate) severity: Severity,
    /// What kind of event it is; empty for a plain record.
    pub(crate) event_name: &'a str,
    pub(crate) body: Value<'a>,
    pub(crate) attributes: &'a [(&'a str, Value<'a>)],
}

impl Record for LogEntry<'_> {
    fn write(&self, pen: &mut Pen) -> Option<()> {
        begin_loose(pen, self.at, self.standing, self.severity.0)?;
        if !self.event_name.is_empty() {
            write_text::<false>(pen, tag::NAME, Key::None, self.event_name)?;
        }
        write_value::<false>(pen, Key::Body, &self.body)?;
        write_attributes(pen, self.attributes)?;
        finish(pen, kind::LOG, Status::Running)
    }
}

fn begin_loose(pen: &mut Pen, at: Tick, standing: Standing, severity: u8) -> Option<()> {
    let [high, low] = halves(standing.trace);
    let word = u64::from(severity) | u64::from(standing.flags) << 32;
    pen.begin([at.to_raw(), high, low, standing.span.to_u64(), word])
}

fn write_attributes(pen: &mut Pen, attributes: &[(&str, Value<'_>)]) -> Option<()> {
    attributes.iter().try_for_each(|(key, value)| write_value::<false>(pen, Key::Text(key), value))
}

fn halves(trace: TraceId) -> [u64; 2] {
    let number = u128::from_be_bytes(trace.to_bytes());
    [(number >> 64) as u64, number as u64]
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bytes_of, records};
    use super::super::{Field, RawBody, RawKey, RawValue, Records};
    use super::*;

    const TRACE: TraceId = TraceId::from_bytes([7; 16]);
    const STANDING: Standing = Standing { trace: TRACE, span: SpanId::from_u64(9), flags: 1 };

    #[test]
    fn a_log_record_comes_back() {
        let attributes = [("key", Value::Int(3))];
        let (severity, body) = (Severity::WARN, Value::Str("full"));
        let entry =
            LogEntry { standing: STANDING, at: Tick::from_raw(5), severity, event_name: "disk", body, attributes: &attributes };
        let bytes = bytes_of(|pen| entry.write(pen)).unwrap();
        let read = records(&bytes).next().unwrap();
        let RawBody::Log { at, trace, severity, flags, fields } = read.body else { panic!("{read:?}") };
        assert_eq!((at, trace, severity, flags, read.owner.span), (Tick::from_raw(5), TRACE, Severity::WARN, 1, STANDING.span));
        let fields: Vec<Field<'_>> = fields.collect();
        assert_eq!(
            fields,
            [
                Field::Name("disk"),
                Field::Attribute(RawKey::Body, RawValue::Str(b"full")),
                Field::Attribute(RawKey::Text("key"), RawValue::Int(3)),
            ]
        );
    }

    #[test]
    fn links_and_loose_events_come_back() {
        let owner = Owner { scope: 1, span: SpanId::from_u64(2) };
        let link = bytes_of(|pen| LinkRecord { owner, to: STANDING, attributes: &[] }.write(pen)).unwrap();
        let read = Records::new(&link, Some(owner)).next().unwrap();
        assert!(matches!(read.body, RawBody::Link { trace: TRACE, flags: 1, .. }) && read.owner.scope == 1, "{read:?}");
        let event = LooseEventRecord { standing: Standing::default(), at: Tick::ZERO, name: "deployed", attributes: &[] };
        let bytes = bytes_of(|pen| event.write(pen)).unwrap();
        let read = records(&bytes).next().unwrap();
        assert!(matches!(read.body, RawBody::LooseEvent { trace: TraceId::NONE, .. }), "{read:?}");
    }

    #[test]
    fn what_names_no_scope_does_not_name_the_owner_of_what_follows() {
        let owner = Owner { scope: 1, span: SpanId::from_u64(2) };
        let part = TextAttributeRecord { owner, key: "k", value: Value::Bool(true) };
        let event = LooseEventRecord { standing: STANDING, at: Tick::ZERO, name: "e", attributes: &[] };
        let (named, part) = (bytes_of(|pen| pen.push(owner.to_words())).unwrap(), bytes_of(|pen| part.write(pen)).unwrap());
        let bytes = [named, part, bytes_of(|pen| event.write(pen)).unwrap()].concat();
        let mut reading = records(&bytes);
        assert_eq!(reading.by_ref().count(), 2);
        assert_eq!(reading.owner().map(|owner| owner.scope), Some(1));
    }
}
