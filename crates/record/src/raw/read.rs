//! Reading records back, on the collector's side.

use flowglass_model::{Number, Severity, SpanId, Status, TraceId};

use super::layout::{Head, Header, key, kind, tag};
use super::whole::{UsersEnd, WholeSpan};
use super::{Owner, USER_TEMPLATE};
use crate::Tick;
use crate::open::Frame;
use crate::static_text::StaticText;

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
    /// A user's span began, something was said of it, and it ended.
    Whole(WholeSpan<'a>),
    /// A span ended. Its frame's index is [`NO_INDEX`] where it has a name of its own.
    Span { frame: Frame, name: StaticText, end: Tick, status: Status, fields: Fields<'a> },
    /// An open span got an attribute, or the message with which it fails.
    Part { is_failure: bool, fields: Fields<'a> },
    /// Something happened in a span.
    Event { at: Tick, name: StaticText, fields: Fields<'a> },
    /// An open span has to do with another one.
    Link { trace: TraceId, span: SpanId, flags: u32, fields: Fields<'a> },
    /// A span ended that isn't recorded.
    UnseenEnd { template: u32, start: Tick, end: Tick, status: Status },
    /// A number for a metric of a template.
    Count { template: u32, metric: usize, number: Number },
    /// Something happened, in a trace or outside of any.
    LooseEvent { at: Tick, trace: TraceId, fields: Fields<'a> },
    /// Something was said, in a trace or outside of any.
    Log { at: Tick, trace: TraceId, severity: Severity, flags: u32, fields: Fields<'a> },
}

/// Iterates over the records in the bytes of a chunk. Stops at anything that isn't a record.
#[derive(Debug, Clone)]
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    owner: Option<Owner>,
}

impl<'a> Records<'a> {
    /// Reads records; those before them named `owner` for what names no span itself.
    pub(crate) const fn new(bytes: &'a [u8], owner: Option<Owner>) -> Self {
        Self { bytes, owner }
    }

    /// Returns how many words are left to be read.
    pub(crate) const fn words(&self) -> usize {
        self.bytes.len() / 8
    }

    /// Returns whose the records are that follow and name no span.
    pub(crate) const fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Returns the next record's header, and all its words.
    fn split(&mut self) -> Option<(Header, Words<'a>)> {
        let header = Header(Words(self.bytes).next()?);
        let (words, rest) = self.bytes.split_at_checked(header.bytes().max(8))?;
        self.bytes = rest;
        Some((header, Words(words)))
    }

    /// Takes note of whose the records are that follow.
    fn name(&mut self, mut words: Words<'a>) -> Option<Owner> {
        words.next()?;
        self.owner = Some(Owner { scope: words.next()?, span: SpanId::from_u64(words.next()?) });
        self.owner
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RawRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawRecord<'a>> {
        loop {
            let (header, words) = self.split()?;
            if header.kind() != kind::OWNER {
                return words.record(header, self.owner);
            }
            let owner = self.name(words)?;
            if let Some((whole, rest)) = WholeSpan::find(self.bytes, owner) {
                self.bytes = rest;
                return Some(RawRecord { owner, truncated: 0, body: RawBody::Whole(whole) });
            }
        }
    }
}

/// A key read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RawKey<'a> {
    /// A place in the template's keys.
    At(usize),
    /// A name.
    Static(StaticText),
    /// A name that is not static, or too long for a word.
    Text(&'a str),
    /// What a log record says.
    Body,
}

/// A value read back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RawValue<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Bytes of a text.
    Str(&'a [u8]),
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

impl RawKey<'_> {
    /// Returns a word that is the same for equal keys alone, where the key is one that has one.
    #[inline]
    pub(crate) const fn to_word(self) -> Option<u64> {
        match self {
            // No static text's word is so small: its length stands in the highest bits.
            Self::At(at) => Some(at as u64 & 0xffff),
            Self::Static(name) => Some(name.to_word()),
            Self::Text(_) | Self::Body => None,
        }
    }
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
pub(crate) struct Fields<'a>(pub(super) Words<'a>);

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

    // A field that is made where it is used needs not be in memory.
    #[inline(always)]
    fn next(&mut self) -> Option<Field<'a>> {
        let head = Head(self.0.next()?);
        let length = head.length();
        let key = self.0.key(head.key())?;
        let value = match head.tag() {
            tag::BOOL => RawValue::Bool(length != 0),
            tag::INT => RawValue::Int(self.0.next()?.cast_signed()),
            tag::FLOAT => RawValue::Float(f64::from_bits(self.0.next()?)),
            tag::STR => RawValue::Str(self.0.bytes(length)?),
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
pub(super) struct Words<'a>(pub(super) &'a [u8]);

impl<'a> Words<'a> {
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// Returns so many bytes, and what stands behind them.
    #[inline]
    pub(super) fn split(self, bytes: usize) -> Option<(Self, Self)> {
        let (these, behind) = self.0.split_at_checked(bytes)?;
        Some((Self(these), Self(behind)))
    }

    /// Reads a whole record, which `owner` has if it names no other.
    fn record(mut self, header: Header, owner: Option<Owner>) -> Option<RawRecord<'a>> {
        // One attribute begins with its own head.
        let all = self;
        self.next()?;
        let (owner, body) = match header.kind() {
            kind::SPAN => self.span(header.status()?)?,
            kind::LOG | kind::LOOSE_EVENT => self.loose(header.kind())?,
            kind::UNSEEN_END | kind::COUNT => self.counted(header)?,
            kind::ATTRIBUTE => (owner?, RawBody::Part { is_failure: false, fields: Fields(all) }),
            _ => (owner?, self.about(owner?.span, header)?),
        };
        Some(RawRecord { owner, truncated: header.truncated(), body })
    }

    /// Reads what is about a span that was named before.
    fn about(mut self, span: SpanId, header: Header) -> Option<RawBody<'a>> {
        Some(match header.kind() {
            kind::USER_SPAN => self.user_span(span, header.status()?)?,
            kind::EVENT => RawBody::Event { at: self.tick()?, name: self.static_text()?, fields: Fields(self) },
            kind::ATTRIBUTES => RawBody::Part { is_failure: false, fields: Fields(self) },
            kind::MESSAGE => RawBody::Part { is_failure: true, fields: Fields(self) },
            kind::LINK => {
                let (trace, span) = self.trace_and_span()?;
                RawBody::Link { trace, span, flags: self.next()? as u32, fields: Fields(self) }
            }
            _ => return None,
        })
    }

    /// Reads what names no scope.
    fn loose(mut self, kind: u64) -> Option<(Owner, RawBody<'a>)> {
        let at = self.tick()?;
        let (trace, span) = self.trace_and_span()?;
        let word = self.next()?;
        let fields = Fields(self);
        let body = if kind == kind::LOG {
            RawBody::Log { at, trace, severity: Severity(word as u8), flags: (word >> 32) as u32, fields }
        } else {
            RawBody::LooseEvent { at, trace, fields }
        };
        Some((Owner { scope: 0, span }, body))
    }

    /// Reads what names a scope and no span.
    fn counted(mut self, header: Header) -> Option<(Owner, RawBody<'a>)> {
        let owner = Owner { scope: self.next()?, span: SpanId::NONE };
        let place = self.next()?;
        let template = place as u32;
        if header.kind() == kind::UNSEEN_END {
            let (start, end, status) = (self.tick()?, self.tick()?, header.status()?);
            return Some((owner, RawBody::UnseenEnd { template, start, end, status }));
        }
        let (is_float, bits) = (self.next()? != 0, self.next()?);
        let number = if is_float { Number::Float(f64::from_bits(bits)) } else { Number::Int(bits.cast_signed()) };
        Some((owner, RawBody::Count { template, metric: (place >> 32) as usize, number }))
    }

    fn trace_and_span(&mut self) -> Option<(TraceId, SpanId)> {
        let [high, low, span] = [self.next()?, self.next()?, self.next()?];
        Some((TraceId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes()), SpanId::from_u64(span)))
    }

    #[inline]
    pub(super) fn tick(&mut self) -> Option<Tick> {
        self.next().map(Tick::from_raw)
    }

    #[inline(always)]
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length.checked_next_multiple_of(8)?)?;
        self.0 = rest;
        Some(&bytes[..length])
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    #[inline(always)]
    fn key(&mut self, key: u64) -> Option<RawKey<'a>> {
        match key {
            1..=key::LONGEST_NAME => self.static_name(usize::try_from(key).ok()?),
            key::TEXT => {
                let length = usize::try_from(self.next()?).ok()?;
                self.text(length).map(RawKey::Text)
            }
            key::BODY => Some(RawKey::Body),
            key::NONE => Some(RawKey::At(usize::MAX)),
            at => Some(RawKey::At(usize::try_from(at.checked_sub(key::FIRST_PLACE)?).ok()?)),
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the address of a static text is made one again")]
    fn static_name(&mut self, length: usize) -> Option<RawKey<'a>> {
        let address = std::ptr::with_exposed_provenance(usize::try_from(self.next()?).ok()?);
        // SAFETY: this module alone writes records, and writes address and length of one `&'static str` at exactly the places
        // where it reads them; a chunk has one writer, and what is read of it was committed as whole records.
        let name: &'static str = unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(address, length)) };
        Some(StaticText::pack(name).some().map_or(RawKey::Text(name), RawKey::Static))
    }

    #[expect(unsafe_code, reason = "a packed text is unpacked")]
    #[inline]
    pub(super) fn static_text(&mut self) -> Option<StaticText> {
        // SAFETY: this module alone writes records, and writes a packed text at exactly the places where it reads one;
        // a chunk has one writer, and what is read of it was committed as whole records.
        self.next().map(|word| unsafe { StaticText::from_word(word) })
    }

    fn span(mut self, status: Status) -> Option<(Owner, RawBody<'a>)> {
        let (scope, span) = (self.next()?, SpanId::from_u64(self.next()?));
        let (parent, index, start) = (SpanId::from_u64(self.next()?), self.next()?, self.tick()?);
        let (word, end) = (self.next()?, self.tick()?);
        // No engine's span passes for a user's.
        let (template, flags) = ((word as u32).min(USER_TEMPLATE - 1), (word >> 32) as u32);
        let frame = Frame { span, parent, template, index, start, flags };
        Some((Owner { scope, span }, RawBody::Span { frame, name: StaticText::NONE, end, status, fields: Fields(self) }))
    }

    fn user_span(mut self, span: SpanId, status: Status) -> Option<RawBody<'a>> {
        let UsersEnd { frame, name, end, status } = UsersEnd::read(&mut self, span, status)?;
        Some(RawBody::Span { frame, name, end, status, fields: Fields(self) })
    }
}
