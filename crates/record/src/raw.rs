//! The form of a record in a chunk, both directions.
//!
//! A record is a header word (kind, status, truncated values, length in words), the words that its kind has always, and
//! fields: a tag word (type, key, length), the key where it isn't a number, the value. Texts fill up whole words.

use flowglass_model::{AttributeValue, SpanId, Status};

use crate::chunk::{Pen, TEXT_LIMIT};
use crate::open::Frame;
use crate::scope::SpanEnd;
use crate::static_text::StaticText;
use crate::{Tick, Value};

/// The template of a span that user code made: its name stands in the record.
pub(crate) const USER_TEMPLATE: u32 = u32::MAX;

mod kind {
    pub(super) const SPAN: u64 = 1;
    pub(super) const ATTRIBUTE: u64 = 2;
    pub(super) const EVENT: u64 = 3;
    pub(super) const MESSAGE: u64 = 4;
}

mod tag {
    pub(super) const BOOL: u64 = 1;
    pub(super) const INT: u64 = 2;
    pub(super) const FLOAT: u64 = 3;
    pub(super) const STR: u64 = 4;
    pub(super) const BYTES: u64 = 5;
    pub(super) const JSON: u64 = 6;
    pub(super) const MESSAGE: u64 = 7;
    pub(super) const NAME: u64 = 8;
    pub(super) const ERROR_TYPE: u64 = 9;
    pub(super) const ERROR_MESSAGE: u64 = 10;
    pub(super) const CAUSE: u64 = 11;
}

/// Keys in a tag: a number below these is a place in the template's keys.
mod key {
    pub(super) const STATIC: u64 = 0xffff;
    pub(super) const TEXT: u64 = 0xfffe;
    pub(super) const NONE: u64 = 0xfffd;
}

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

/// Which span a record belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) scope: u64,
    pub(crate) span: SpanId,
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

/// A record read back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawRecord<'a> {
    /// Whose record it is.
    pub(crate) owner: Owner,
    /// How many values were cut off or left out.
    pub(crate) truncated: u8,
    /// What it says.
    pub(crate) body: RawBody<'a>,
}

/// What a record says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RawBody<'a> {
    /// A span ended. Its frame's index is [`NO_INDEX`](crate::NO_INDEX) where it has a name of its own.
    Span { frame: Frame, name: StaticText, end: Tick, status: Status, fields: Fields<'a> },
    /// An open span got an attribute, or a message.
    Part { fields: Fields<'a> },
    /// Something happened in a span.
    Event { at: Tick, name: StaticText, fields: Fields<'a> },
}

/// Iterates over the records in the bytes of a chunk. Stops at anything that isn't a record.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = RawRecord<'a>;

    fn next(&mut self) -> Option<RawRecord<'a>> {
        let mut words = Words(self.0);
        let header = words.next()?;
        let length = usize::try_from(header >> 32).ok()? * 8;
        let mut words = Words(self.0.get(8..length)?);
        self.0 = &self.0[length..];
        let owner = Owner { scope: words.next()?, span: SpanId::from_u64(words.next()?) };
        let body = match header & 0xff {
            kind::SPAN => words.span(owner.span, Status::from_code((header >> 8) as u8)?)?,
            kind::EVENT => RawBody::Event { at: words.tick()?, name: words.static_text()?, fields: Fields(words) },
            kind::ATTRIBUTE | kind::MESSAGE => RawBody::Part { fields: Fields(words) },
            _ => return None,
        };
        Some(RawRecord { owner, truncated: (header >> 16) as u8, body })
    }
}

/// A key read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RawKey<'a> {
    /// A place in the template's keys.
    At(usize),
    /// A name.
    Static(StaticText),
    /// A name that was too long for a word.
    Text(&'a str),
}

/// A value read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RawValue<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
    Bytes(&'a [u8]),
    /// JSON of an `AttributeValue`.
    Json(&'a [u8]),
}

/// One field of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field<'a> {
    Attribute(RawKey<'a>, RawValue<'a>),
    /// Why a span failed.
    Message(&'a str),
    /// A name that was too long for a word.
    Name(&'a str),
    ErrorType(&'a str),
    ErrorMessage(&'a str),
    Cause(&'a str),
}

impl Field<'_> {
    /// Says whether a later field stands in for this one.
    pub(crate) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Attribute(key, _), Self::Attribute(other, _)) => key == other,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// The fields of a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(Words<'a>);

impl<'a> Fields<'a> {
    /// Reads fields that [`bytes`](Self::bytes) gave.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Words(bytes))
    }

    /// Returns the fields as they stand in the record; several of them may be put behind each other.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.0.0
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let head = self.0.next()?;
        let length = usize::try_from(head >> 32).ok()?;
        let key = self.0.key(head >> 8 & 0xffff)?;
        let value = match head & 0xff {
            tag::BOOL => RawValue::Bool(length != 0),
            tag::INT => RawValue::Int(self.0.next()?.cast_signed()),
            tag::FLOAT => RawValue::Float(f64::from_bits(self.0.next()?)),
            tag::STR => RawValue::Str(self.0.text(length)?),
            tag::BYTES => RawValue::Bytes(self.0.bytes(length)?),
            tag::JSON => RawValue::Json(self.0.bytes(length)?),
            tag::MESSAGE => return self.0.text(length).map(Field::Message),
            tag::NAME => return self.0.text(length).map(Field::Name),
            tag::ERROR_TYPE => return self.0.text(length).map(Field::ErrorType),
            tag::ERROR_MESSAGE => return self.0.text(length).map(Field::ErrorMessage),
            tag::CAUSE => return self.0.text(length).map(Field::Cause),
            _ => return None,
        };
        Some(Field::Attribute(key, value))
    }
}

/// Reads the words of a record one by one.
#[derive(Debug, Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn tick(&mut self) -> Option<Tick> {
        self.next().map(Tick::from_raw)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length.next_multiple_of(8))?;
        self.0 = rest;
        Some(&bytes[..length])
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn key(&mut self, key: u64) -> Option<RawKey<'a>> {
        match key {
            key::STATIC => self.static_text().map(RawKey::Static),
            key::TEXT => {
                let length = usize::try_from(self.next()?).ok()?;
                self.text(length).map(RawKey::Text)
            }
            at => Some(RawKey::At(usize::try_from(at).ok()?)),
        }
    }

    #[expect(unsafe_code, reason = "a packed text is unpacked")]
    fn static_text(&mut self) -> Option<StaticText> {
        // SAFETY: this module alone writes records, and writes a packed text at exactly the places where it reads one;
        // a chunk has one writer, and what is read of it was committed as whole records.
        self.next().map(|word| unsafe { StaticText::from_word(word) })
    }

    fn span(mut self, span: SpanId, status: Status) -> Option<RawBody<'a>> {
        let parent = SpanId::from_u64(self.next()?);
        let (start, end) = (self.tick()?, self.tick()?);
        let word = self.next()?;
        let (template, flags) = (word as u32, (word >> 32) as u32);
        let (index, name) = match template {
            USER_TEMPLATE => (crate::NO_INDEX, self.static_text()?),
            _ => (self.next()?, StaticText::NONE),
        };
        let frame = Frame { span, parent, template, index, start, flags };
        Some(RawBody::Span { frame, name, end, status, fields: Fields(self) })
    }
}
