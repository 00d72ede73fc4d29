//! Writing records: on the hot path, so that each is a handful of stores.

use flowglass_model::{AttributeValue, Status};

use super::{Owner, USER_TEMPLATE, key, kind, tag};
use crate::chunk::{Pen, TEXT_LIMIT};
use crate::open::Frame;
use crate::scope::SpanEnd;
use crate::static_text::StaticText;
use crate::{Tick, Value};

/// Something that can be written into a chunk as one record.
pub(crate) trait Record {
    /// Writes the record if there is nothing unusual in it, else makes the pen refuse it. Always inlined, and calls nothing
    /// that is not: the pen stays in registers, which halves the time.
    fn write_plain(&self, pen: &mut Pen<'_>);

    /// Writes the record, whatever is in it.
    fn write(&self, pen: &mut Pen<'_>);
}

/// Writes the two functions of a [`Record`] from the one that knows of both.
macro_rules! record {
    ($name:ty) => {
        impl Record for $name {
            #[inline(always)]
            fn write_plain(&self, pen: &mut Pen<'_>) {
                self.encode::<true>(pen);
            }

            fn write(&self, pen: &mut Pen<'_>) {
                self.encode::<false>(pen);
            }
        }
    };
}

/// The end of a span that has a template.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SpanRecord<'a> {
    pub(crate) scope: u64,
    pub(crate) end: &'a SpanEnd<'a>,
}

record!(SpanRecord<'_>);

impl SpanRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen<'_>) {
        let end = self.end;
        let template = end.frame.template.min(USER_TEMPLATE - 1);
        write_frame(pen, self.scope, (&end.frame, end.end), (template, end.frame.index));
        for (at, value) in end.values.iter().enumerate() {
            write_value::<PLAIN>(pen, Key::At(at), value);
        }
        for (name, value) in end.extra {
            write_value::<PLAIN>(pen, Key::Static(name), value);
        }
        if !end.message.is_empty() || end.failure.is_some() {
            if PLAIN {
                return pen.refuse();
            }
            write_failure(pen, end);
        }
        finish(pen, kind::SPAN, end.status);
    }
}

/// The end of a span that user code made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserSpanRecord {
    pub(crate) scope: u64,
    pub(crate) frame: Frame,
    pub(crate) name: &'static str,
    pub(crate) end: Tick,
    pub(crate) status: Status,
}

record!(UserSpanRecord);

impl UserSpanRecord {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen<'_>) {
        let name = StaticText::pack(self.name);
        write_frame(pen, self.scope, (&self.frame, self.end), (USER_TEMPLATE, name.to_word()));
        if name.is_none() {
            write_text::<PLAIN>(pen, tag::NAME, Key::None, self.name);
        }
        finish(pen, kind::SPAN, self.status);
    }
}

/// An attribute of a span that is still open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttributeRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) key: &'static str,
    pub(crate) value: Value<'a>,
}

record!(AttributeRecord<'_>);

impl AttributeRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen<'_>) {
        pen.push([0, self.owner.scope, self.owner.span.to_u64()]);
        write_value::<PLAIN>(pen, Key::Static(self.key), &self.value);
        finish(pen, kind::ATTRIBUTE, Status::Running);
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

record!(EventRecord<'_>);

impl EventRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen<'_>) {
        let name = StaticText::pack(self.name);
        pen.push([0, self.owner.scope, self.owner.span.to_u64(), self.at.to_raw(), name.to_word()]);
        if name.is_none() {
            write_text::<PLAIN>(pen, tag::NAME, Key::None, self.name);
        }
        for (key, value) in self.attributes {
            write_value::<PLAIN>(pen, Key::Static(key), value);
        }
        finish(pen, kind::EVENT, Status::Running);
    }
}

/// Why a span that is still open fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageRecord<'a> {
    pub(crate) owner: Owner,
    pub(crate) message: &'a str,
}

record!(MessageRecord<'_>);

impl MessageRecord<'_> {
    #[inline(always)]
    fn encode<const PLAIN: bool>(&self, pen: &mut Pen<'_>) {
        pen.push([0, self.owner.scope, self.owner.span.to_u64()]);
        write_text::<PLAIN>(pen, tag::MESSAGE, Key::None, self.message);
        finish(pen, kind::MESSAGE, Status::Error);
    }
}

/// A key on its way into a record.
#[derive(Clone, Copy)]
enum Key {
    At(usize),
    Static(&'static str),
    None,
}

#[inline(always)]
fn write_frame(pen: &mut Pen<'_>, scope: u64, (frame, end): (&Frame, Tick), (template, index_or_name): (u32, u64)) {
    pen.push([
        0,
        scope,
        frame.span.to_u64(),
        frame.parent.to_u64(),
        frame.start.to_raw(),
        end.to_raw(),
        u64::from(template) | u64::from(frame.flags) << 32,
        index_or_name,
    ]);
}

#[inline(always)]
fn finish(pen: &mut Pen<'_>, kind: u64, status: Status) {
    let words = pen.used() as u64;
    pen.set_first(kind | u64::from(status.code()) << 8 | u64::from(pen.truncated()) << 16 | words << 32);
}

#[inline(always)]
fn write_value<const PLAIN: bool>(pen: &mut Pen<'_>, key: Key, value: &Value<'_>) {
    match *value {
        Value::None => {}
        Value::Bool(flag) => write_tagged::<PLAIN, 0>(pen, tag::BOOL, key, usize::from(flag), []),
        Value::Int(number) => write_tagged::<PLAIN, 1>(pen, tag::INT, key, 0, [number.cast_unsigned()]),
        Value::Float(number) => write_tagged::<PLAIN, 1>(pen, tag::FLOAT, key, 0, [number.to_bits()]),
        Value::Str(text) => write_text::<PLAIN>(pen, tag::STR, key, text),
        Value::Bytes(bytes) if PLAIN => write_bytes::<PLAIN>(pen, tag::BYTES, key, bytes),
        Value::Bytes(bytes) => {
            let bytes = pen.fit_bytes(bytes);
            write_bytes::<PLAIN>(pen, tag::BYTES, key, bytes);
        }
        Value::Json(_) if PLAIN => pen.refuse(),
        Value::Json(value) => write_owned(pen, key, value),
    }
}

fn write_owned(pen: &mut Pen<'_>, key: Key, value: &AttributeValue) {
    let plain = match value {
        AttributeValue::Str(text) => Value::Str(text),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::Int(number) => Value::Int(*number),
        AttributeValue::Float(number) => Value::Float(*number),
        AttributeValue::Bytes(bytes) => Value::Bytes(bytes),
        nested => return write_nested(pen, key, nested),
    };
    write_value::<false>(pen, key, &plain);
}

/// A cut-off piece of JSON is no JSON, so that a value too long for a record is kept as the beginning of its text.
fn write_nested(pen: &mut Pen<'_>, key: Key, value: &AttributeValue) {
    let json = serde_json::to_string(value).unwrap_or_default();
    let fitting = pen.fit_text(&json);
    let tag = if fitting.len() == json.len() { tag::JSON } else { tag::STR };
    write_bytes::<false>(pen, tag, key, fitting.as_bytes());
}

#[inline(always)]
fn write_text<const PLAIN: bool>(pen: &mut Pen<'_>, tag: u64, key: Key, text: &str) {
    let text = if PLAIN { text } else { pen.fit_text(text) };
    write_bytes::<PLAIN>(pen, tag, key, text.as_bytes());
}

#[inline(always)]
fn write_bytes<const PLAIN: bool>(pen: &mut Pen<'_>, tag: u64, key: Key, bytes: &[u8]) {
    if PLAIN && bytes.len() > TEXT_LIMIT {
        return pen.refuse();
    }
    write_tagged::<PLAIN, 0>(pen, tag, key, bytes.len(), []);
    pen.bytes(bytes);
}

#[inline(always)]
fn write_tagged<const PLAIN: bool, const N: usize>(pen: &mut Pen<'_>, tag: u64, key: Key, length: usize, value: [u64; N]) {
    let head = tag | (length as u64) << 32;
    match key {
        Key::At(at) => pen.push([head | (at as u64).min(key::NONE) << 8]),
        Key::None => pen.push([head | key::NONE << 8]),
        Key::Static(name) => {
            let packed = StaticText::pack(name);
            if !packed.is_none() {
                pen.push([head | key::STATIC << 8, packed.to_word()]);
            } else if PLAIN {
                pen.refuse();
            } else {
                write_text_key(pen, head, name);
            }
        }
    }
    pen.push(value);
}

fn write_text_key(pen: &mut Pen<'_>, head: u64, name: &str) {
    let name = pen.fit_text(name);
    pen.push([head | key::TEXT << 8, name.len() as u64]);
    pen.bytes(name.as_bytes());
}

fn write_failure(pen: &mut Pen<'_>, end: &SpanEnd<'_>) {
    write_text::<false>(pen, tag::MESSAGE, Key::None, end.message);
    let Some(failure) = end.failure else { return };
    write_text::<false>(pen, tag::ERROR_TYPE, Key::None, &failure.error_type);
    write_text::<false>(pen, tag::ERROR_MESSAGE, Key::None, &failure.message);
    for cause in &failure.causes {
        write_text::<false>(pen, tag::CAUSE, Key::None, cause);
    }
}
