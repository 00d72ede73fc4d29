//! Writing records: on the hot path, so that each is a handful of stores.

use flowglass_model::{AttributeValue, SpanId, Status};

use super::Owner;
use super::layout::{attribute_header, head, header, key, kind, place, tag};
use super::words::static_key;
use crate::chunk::TEXT_LIMIT;
use crate::open::Frame;
use crate::pen::Pen;
use crate::scope::SpanEnd;
use crate::static_text::StaticText;
use crate::{Tick, Value};

/// Something that can be written into a chunk as one record. What is `None` must be given up.
pub(crate) trait Record {
    /// Writes the record, whatever is in it, if there is room.
    fn write(&self, pen: &mut Pen) -> Option<()>;

    /// Returns the span that the record is about, if it doesn't name it itself.
    #[inline(always)]
    fn owner(&self) -> Option<Owner> {
        None
    }
}

/// A record that has a short way, which is always inlined and calls nothing that is not: the pen stays in registers, which
/// halves the time.
pub(crate) trait PlainRecord: Record + Copy {
    /// Writes the record if there is room and nothing unusual in it.
    fn write_plain(&self, pen: &mut Pen) -> Option<()>;
}

/// Writes the functions of a [`PlainRecord`] from the one that knows of both ways; a record about an owner has a field of
/// that name.
macro_rules! plain_record {
    ($name:ty $(, $owner:ident)?) => {
        impl Record for $name {
            fn write(&self, pen: &mut Pen) -> Option<()> {
                self.encode::<false>(pen)
            }

            $(#[inline(always)]
            fn owner(&self) -> Option<Owner> {
                Some(self.$owner)
            })?
        }

        impl PlainRecord for $name {
            #[inline(always)]
            fn write_plain(&self, pen: &mut Pen) -> Option<()> {
                self.encode::<true>(pen)
            }
        }
    };
}

pub(super) use plain_record;

/// The end of a span that has a template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanRecord<'a> {
    pub(crate) scope: u64,
    pub(crate) end: &'a SpanEnd<'a>,
}

plain_record!(SpanRecord<'_>);

impl SpanRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        let end = self.end;
        write_frame(pen, self.scope, (&end.frame, end.end))?;
        for (at, value) in end.values.iter().enumerate() {
            write_value::<PLAIN>(pen, Key::At(at), value)?;
        }
        for (name, value) in end.extra {
            write_value::<PLAIN>(pen, Key::Static(name), value)?;
        }
        if !end.message.is_empty() || end.failure.is_some() {
            if PLAIN {
                return None;
            }
            write_failure(pen, end)?;
        }
        finish(pen, kind::SPAN, end.status)
    }
}

/// The end of a span that user code made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserSpanRecord {
    pub(crate) owner: Owner,
    pub(crate) parent: SpanId,
    pub(crate) start: Tick,
    pub(crate) end: Tick,
    pub(crate) name: &'static str,
    pub(crate) status: Status,
}

plain_record!(UserSpanRecord, owner);

impl UserSpanRecord {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        let name = StaticText::pack(self.name);
        pen.begin([self.parent.to_u64(), self.start.to_raw(), self.end.to_raw(), name.to_word()])?;
        write_unpacked::<PLAIN>(pen, name, self.name)?;
        finish(pen, kind::USER_SPAN, self.status)
    }
}

/// An attribute of a span that is still open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttributeRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) key: &'static str,
    pub(crate) value: Value<'a>,
}

plain_record!(AttributeRecord<'_>, owner);

impl AttributeRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        write_attribute::<PLAIN>(pen, Key::Static(self.key), &self.value)
    }
}

/// Something that happened in a span.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) at: Tick,
    pub(crate) name: &'static str,
    pub(crate) attributes: &'a [(&'static str, Value<'a>)],
}

plain_record!(EventRecord<'_>, owner);

impl EventRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        let name = StaticText::pack(self.name);
        pen.begin([self.at.to_raw(), name.to_word()])?;
        write_unpacked::<PLAIN>(pen, name, self.name)?;
        for (key, value) in self.attributes {
            write_value::<PLAIN>(pen, Key::Static(key), value)?;
        }
        finish(pen, kind::EVENT, Status::Running)
    }
}

/// Why a span that is still open fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) message: &'a str,
}

plain_record!(MessageRecord<'_>, owner);

impl MessageRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen) -> Option<()> {
        pen.begin([])?;
        write_text::<PLAIN>(pen, tag::MESSAGE, Key::None, self.message)?;
        finish(pen, kind::MESSAGE, Status::Error)
    }
}

/// A key on its way into a record.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    At(usize),
    Static(&'static str),
    Text(&'a str),
    /// What a log record says.
    Body,
    None,
}

#[inline(always)]
fn write_frame(pen: &mut Pen, scope: u64, (frame, end): (&Frame, Tick)) -> Option<()> {
    pen.begin([
        scope,
        frame.span.to_u64(),
        frame.parent.to_u64(),
        frame.index,
        frame.start.to_raw(),
        u64::from(frame.template) | u64::from(frame.flags) << 32,
        end.to_raw(),
    ])
}

/// Writes a name as a field, if it didn't fit into a word.
#[inline(always)]
fn write_unpacked<const PLAIN: bool>(pen: &mut Pen, packed: StaticText, name: &'static str) -> Option<()> {
    match packed.some() {
        Some(_) => Some(()),
        None if PLAIN => None,
        None => write_text::<PLAIN>(pen, tag::NAME, Key::None, name),
    }
}

/// Writes a record that is one attribute: under the attribute's own head, or where something was cut off, which must be
/// counted, under one more.
#[inline(always)]
pub(super) fn write_attribute<const PLAIN: bool>(pen: &mut Pen, key: Key<'_>, value: &Value<'_>) -> Option<()> {
    write_value::<PLAIN>(pen, key, value)?;
    if PLAIN || pen.truncated() == 0 {
        return finish_attribute(pen);
    }
    pen.restart();
    pen.begin([])?;
    write_value::<PLAIN>(pen, key, value)?;
    finish(pen, kind::ATTRIBUTES, Status::Running)
}

#[inline(always)]
fn finish_attribute(pen: &mut Pen) -> Option<()> {
    let words = pen.used();
    pen.change_first(|head| attribute_header(head, words));
    Some(())
}

#[inline(always)]
pub(super) fn finish(pen: &mut Pen, kind: u64, status: Status) -> Option<()> {
    pen.finish(header(kind, status, pen.truncated(), pen.used()));
    Some(())
}

#[inline(always)]
pub(super) fn write_value<const PLAIN: bool>(pen: &mut Pen, key: Key<'_>, value: &Value<'_>) -> Option<()> {
    match *value {
        Value::None => Some(()),
        Value::Bool(flag) => write_tagged::<PLAIN>(pen, tag::BOOL, key, usize::from(flag)),
        Value::Int(number) => write_number::<PLAIN>(pen, tag::INT, key, number.cast_unsigned()),
        Value::Float(number) => write_number::<PLAIN>(pen, tag::FLOAT, key, number.to_bits()),
        Value::Str(text) => write_text::<PLAIN>(pen, tag::STR, key, text),
        Value::Bytes(bytes) if PLAIN => write_bytes::<PLAIN>(pen, tag::BYTES, key, bytes),
        Value::Bytes(bytes) => {
            let bytes = pen.fit_bytes(bytes);
            write_bytes::<PLAIN>(pen, tag::BYTES, key, bytes)
        }
        Value::Json(_) if PLAIN => None,
        Value::Json(value) => write_owned(pen, key, value),
    }
}

fn write_owned(pen: &mut Pen, key: Key<'_>, value: &AttributeValue) -> Option<()> {
    let plain = match value {
        AttributeValue::Str(text) => Value::Str(text),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::Int(number) => Value::Int(*number),
        AttributeValue::Float(number) => Value::Float(*number),
        AttributeValue::Bytes(bytes) => Value::Bytes(bytes),
        nested => return write_nested(pen, key, nested),
    };
    write_value::<false>(pen, key, &plain)
}

/// A cut-off piece of JSON is no JSON, so that a value too long for a record is kept as the beginning of its text.
fn write_nested(pen: &mut Pen, key: Key<'_>, value: &AttributeValue) -> Option<()> {
    let json = serde_json::to_string(value).unwrap_or_default();
    let fitting = pen.fit_text(&json);
    let tag = if fitting.len() == json.len() { tag::JSON } else { tag::STR };
    write_bytes::<false>(pen, tag, key, fitting.as_bytes())
}

#[inline(always)]
fn write_number<const PLAIN: bool>(pen: &mut Pen, tag: u64, key: Key<'_>, number: u64) -> Option<()> {
    if let Key::At(at) = key {
        return pen.push([head(tag, place(at), 0), number]);
    }
    write_tagged::<PLAIN>(pen, tag, key, 0)?;
    pen.push([number])
}

#[inline(always)]
pub(super) fn write_text<const PLAIN: bool>(pen: &mut Pen, tag: u64, key: Key<'_>, text: &str) -> Option<()> {
    let text = if PLAIN { text } else { pen.fit_text(text) };
    write_bytes::<PLAIN>(pen, tag, key, text.as_bytes())
}

#[inline(always)]
fn write_bytes<const PLAIN: bool>(pen: &mut Pen, tag: u64, key: Key<'_>, bytes: &[u8]) -> Option<()> {
    if PLAIN && bytes.len() > TEXT_LIMIT {
        return None;
    }
    write_tagged::<PLAIN>(pen, tag, key, bytes.len())?;
    pen.bytes(bytes)
}

#[inline(always)]
fn write_tagged<const PLAIN: bool>(pen: &mut Pen, tag: u64, key: Key<'_>, length: usize) -> Option<()> {
    match key {
        Key::At(at) => pen.push([head(tag, place(at), length)]),
        Key::None => pen.push([head(tag, key::NONE, length)]),
        Key::Body => pen.push([head(tag, key::BODY, length)]),
        Key::Text(name) => write_text_key(pen, head(tag, key::TEXT, length), name),
        Key::Static(name) => match static_key(name) {
            Some((key, address)) => pen.push([head(tag, key, length), address]),
            None if PLAIN => None,
            None => write_text_key(pen, head(tag, key::TEXT, length), name),
        },
    }
}

fn write_text_key(pen: &mut Pen, head: u64, name: &str) -> Option<()> {
    let name = pen.fit_text(name);
    pen.push([head, name.len() as u64])?;
    pen.bytes(name.as_bytes())
}

fn write_failure(pen: &mut Pen, end: &SpanEnd<'_>) -> Option<()> {
    write_text::<false>(pen, tag::MESSAGE, Key::None, end.message)?;
    let Some(failure) = end.failure else { return Some(()) };
    write_text::<false>(pen, tag::ERROR_TYPE, Key::None, &failure.error_type)?;
    write_text::<false>(pen, tag::ERROR_MESSAGE, Key::None, &failure.message)?;
    failure.causes.iter().try_for_each(|cause| write_text::<false>(pen, tag::CAUSE, Key::None, cause))
}
