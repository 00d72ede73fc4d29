//! The form of a record in a chunk, both directions.
//!
//! A record is a header word (kind, status, truncated values, length in words), the words that its kind has always, and
//! fields: a tag word (type, key, length), the key where it isn't a number, the value. Texts fill up whole words. What is
//! about an open span names the span, unless the last record of that sort does.

mod counted;
mod read;
mod said;
mod write;

use flowglass_model::SpanId;

pub(crate) use counted::{CountRecord, UnseenEndRecord};
pub(crate) use read::{Field, Fields, RawBody, RawKey, RawRecord, RawValue, Records};
pub(crate) use said::{LinkRecord, LogEntry, LooseEventRecord, Standing, TextAttributeRecord, TextEventRecord};
pub(crate) use write::{AttributeRecord, EventRecord, MessageRecord, Part, PlainRecord, Record, SpanRecord, UserSpanRecord};

/// The template of a span that user code made: its name stands in the record.
pub(crate) const USER_TEMPLATE: u32 = u32::MAX;

mod kind {
    pub(in crate::raw) const SPAN: u64 = 1;
    pub(in crate::raw) const ATTRIBUTE: u64 = 2;
    pub(in crate::raw) const EVENT: u64 = 3;
    pub(in crate::raw) const MESSAGE: u64 = 4;
    pub(in crate::raw) const LINK: u64 = 5;
    /// These name a trace and a span, and no scope.
    pub(in crate::raw) const LOG: u64 = 6;
    pub(in crate::raw) const LOOSE_EVENT: u64 = 7;
    /// These name a scope and one of its templates.
    pub(in crate::raw) const UNSEEN_END: u64 = 8;
    pub(in crate::raw) const COUNT: u64 = 9;
    /// This bit besides: the record names no span, because the last one before it that isn't a span's end names it.
    pub(in crate::raw) const OWNED: u64 = 0x80;
}

mod tag {
    pub(in crate::raw) const BOOL: u64 = 1;
    pub(in crate::raw) const INT: u64 = 2;
    pub(in crate::raw) const FLOAT: u64 = 3;
    pub(in crate::raw) const STR: u64 = 4;
    pub(in crate::raw) const BYTES: u64 = 5;
    pub(in crate::raw) const JSON: u64 = 6;
    pub(in crate::raw) const MESSAGE: u64 = 7;
    pub(in crate::raw) const NAME: u64 = 8;
    pub(in crate::raw) const ERROR_TYPE: u64 = 9;
    pub(in crate::raw) const ERROR_MESSAGE: u64 = 10;
    pub(in crate::raw) const CAUSE: u64 = 11;
}

/// Keys in a tag: a number below these is a place in the template's keys.
mod key {
    pub(in crate::raw) const STATIC: u64 = 0xffff;
    pub(in crate::raw) const TEXT: u64 = 0xfffe;
    pub(in crate::raw) const NONE: u64 = 0xfffd;
    /// What a log record says.
    pub(in crate::raw) const BODY: u64 = 0xfffc;
}

/// Which span a record belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) scope: u64,
    pub(crate) span: SpanId,
}

#[cfg(test)]
mod tests {
    use flowglass_model::{AttributeValue, Status};

    use super::*;
    use crate::chunk::TEXT_LIMIT;
    use crate::open::{Frame, NO_INDEX};
    use crate::pen::Pen;
    use crate::scope::SpanEnd;
    use crate::{Tick, Value};

    const FRAME: Frame =
        Frame { span: SpanId::from_u64(1), parent: SpanId::from_u64(2), template: 3, index: 4, start: Tick::ZERO, flags: 5 };

    fn end<'a>(values: &'a [Value<'a>], extra: &'a [(&'static str, Value<'a>)]) -> SpanEnd<'a> {
        let (message, failure) = ("", None);
        SpanEnd { frame: FRAME, end: Tick::ZERO, status: Status::Ok, message, values, extra, failure }
    }

    #[expect(unsafe_code, reason = "a pen is made without a lane")]
    pub(super) fn bytes_of(write: impl Fn(&mut Pen) -> Option<()>) -> Option<Vec<u8>> {
        let mut words = vec![0; 8 * 1024];
        let range = words.as_mut_ptr_range();
        // SAFETY: the words are borrowed as long as the pen lives.
        let mut pen = unsafe { Pen::new(range.start, range.end, TEXT_LIMIT) };
        let written = write(&mut pen);
        let used = pen.used();
        written.map(|()| words[..used].iter().flat_map(|word| word.to_ne_bytes()).collect())
    }

    pub(super) fn records(bytes: &[u8]) -> Records<'_> {
        Records::new(bytes, None)
    }

    #[test]
    fn a_record_comes_back() {
        let end = end(&[Value::Str("text"), Value::None, Value::Bool(true)], &[("key", Value::Bytes(&[1, 2, 3]))]);
        let record = SpanRecord { scope: 9, end: &end };
        let bytes = bytes_of(|pen| record.write_plain(pen)).unwrap();
        assert_eq!(bytes_of(|pen| record.write(pen)).unwrap(), bytes, "both ways to write give the same");
        let read = records(&bytes).next().unwrap();
        let RawBody::Span { frame, status, fields, .. } = read.body else { panic!("{read:?}") };
        assert_eq!((read.owner.scope, frame, status, read.truncated), (9, FRAME, Status::Ok, 0));
        let fields: Vec<Field<'_>> = fields.collect();
        assert_eq!(fields[0], Field::Attribute(RawKey::At(0), RawValue::Str("text")));
        assert_eq!(fields[1], Field::Attribute(RawKey::At(2), RawValue::Bool(true)));
        let Field::Attribute(RawKey::Static(key), value) = fields[2] else { panic!("{fields:?}") };
        assert_eq!((key.get(), value, fields.len()), ("key", RawValue::Bytes(&[1, 2, 3]), 3));
    }

    #[test]
    fn what_is_unusual_takes_the_other_way() {
        let long = "x".repeat(TEXT_LIMIT + 1);
        let nested = AttributeValue::List(vec![1_i64.into()]);
        for value in [Value::Str(&long), Value::Bytes(long.as_bytes()), Value::Json(&nested)] {
            let values = [value];
            let end = end(&values, &[]);
            let record = SpanRecord { scope: 9, end: &end };
            assert_eq!(bytes_of(|pen| record.write_plain(pen)), None);
            let bytes = bytes_of(|pen| record.write(pen)).unwrap();
            assert!(matches!(records(&bytes).next().unwrap().body, RawBody::Span { .. }));
        }
    }

    #[test]
    fn a_key_too_long_for_a_word_comes_back() {
        let key: &'static str = Box::leak("k".repeat(1 << 16).into_boxed_str());
        let owner = Owner { scope: 1, span: FRAME.span };
        let record = AttributeRecord { owner, key, value: Value::Int(-1) };
        assert_eq!(bytes_of(|pen| record.write_plain(pen, true)), None);
        let bytes = bytes_of(|pen| record.write(pen)).unwrap();
        let read = records(&bytes).next().unwrap();
        let RawBody::Part { mut fields, .. } = read.body else { panic!("{read:?}") };
        assert_eq!(fields.next(), Some(Field::Attribute(RawKey::Text(&key[..TEXT_LIMIT]), RawValue::Int(-1))));
        assert_eq!(read.truncated, 1);
    }

    #[test]
    fn a_record_without_an_owner_is_of_the_last_one_named() {
        let owner = Owner { scope: 1, span: FRAME.span };
        let part = AttributeRecord { owner, key: "key", value: Value::Int(7) };
        let happened = EventRecord { owner, at: Tick::ZERO, name: "event", attributes: &[("key", Value::Int(7))] };
        let alone = bytes_of(|pen| part.write_plain(pen, true)).unwrap();
        assert_eq!(records(&alone).count(), 0, "whose is it?");
        let named = [bytes_of(|pen| part.write_plain(pen, false)).unwrap(), alone].concat();
        let mut reading = records(&named);
        let read: Vec<RawRecord<'_>> = reading.by_ref().collect();
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(|read| read.owner.scope == 1 && read.owner.span == FRAME.span));
        let happened = bytes_of(|pen| happened.write_plain(pen, true)).unwrap();
        let read = Records::new(&happened, reading.owner()).next().unwrap();
        assert!(matches!(read.body, RawBody::Event { .. }) && read.owner.span == FRAME.span, "{read:?}");
    }

    #[test]
    fn an_engines_span_never_passes_for_a_users() {
        let mut end = end(&[], &[]);
        end.frame = Frame { template: USER_TEMPLATE, index: 0xdead_beef, ..FRAME };
        let bytes = bytes_of(|pen| SpanRecord { scope: 1, end: &end }.write(pen)).unwrap();
        let RawBody::Span { frame, name, .. } = records(&bytes).next().unwrap().body else { panic!("not a span") };
        assert_eq!((frame.template, name.is_none(), frame.index), (USER_TEMPLATE - 1, true, 0xdead_beef));
        assert_ne!(frame.index, NO_INDEX);
    }

    #[test]
    fn what_is_no_record_ends_the_reading() {
        let end = end(&[Value::Str("text")], &[]);
        let bytes = bytes_of(|pen| SpanRecord { scope: 9, end: &end }.write(pen)).unwrap();
        for cut in 0..bytes.len() {
            assert_eq!(records(&bytes[..cut]).count(), 0, "cut at {cut}");
        }
        assert_eq!(records(&[0xff; 64]).count(), 0);
        assert_eq!(records(&[0; 64]).count(), 0);
        assert_eq!(Fields::new(&[0xff; 64]).count(), 0);
    }
}
