//! The form of a record in a chunk, both directions.
//!
//! A record is a header, the words that its kind has always, and fields: a head, the key where it isn't a number, the
//! value; see [`layout`]. Texts take whole words. What is about a span that is open, or that user code made, doesn't name
//! it: the last record of the kind that does nothing else has named it.

mod counted;
mod layout;
mod quick;
mod read;
mod said;
mod whole;
mod words;
mod write;

use flowglass_model::SpanId;

pub(crate) use counted::{CountRecord, UnseenEndRecord};
pub(crate) use layout::LONGEST;
pub(crate) use quick::PlainEnd;
pub(crate) use read::{Field, Fields, RawBody, RawKey, RawRecord, RawValue, Records};
pub(crate) use said::{
    LinkRecord, LogEntry, LooseEventRecord, NamedEventRecord, Standing, TextAttributeRecord, TextEventRecord,
};
pub(crate) use whole::{UsersEnd, WholeSpan};
pub(crate) use words::{event_words, flag_words, float_words, int_words, text_words, user_span_words};
pub(crate) use write::{AttributeRecord, EventRecord, MessageRecord, PlainRecord, Record, SpanRecord, UserSpanRecord};

/// The template of a span that user code made: its name stands in the record.
pub(crate) const USER_TEMPLATE: u32 = u32::MAX;

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
    use crate::open::{Frame, NO_INDEX, OpenFrames};
    use crate::pen::Pen;
    use crate::scope::SpanEnd;
    use crate::static_text::StaticText;
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
        assert_eq!(fields[0], Field::Attribute(RawKey::At(0), RawValue::Str(b"text")));
        assert_eq!(fields[1], Field::Attribute(RawKey::At(2), RawValue::Bool(true)));
        let Field::Attribute(RawKey::Static(key), value) = fields[2] else { panic!("{fields:?}") };
        assert_eq!((key.get(), value, fields.len()), ("key", RawValue::Bytes(&[1, 2, 3]), 3));
    }

    #[expect(unsafe_code, reason = "an end is written without a lane")]
    fn written_quickly(values: &[Value<'_>]) -> Option<Vec<u8>> {
        let plain = PlainEnd { scope: 9, frame: &FRAME, end: Tick::from_raw(5), values };
        let mut words = vec![0_u64; plain.most_bytes() as usize / 8];
        // SAFETY: there are as many words as it takes at most.
        let behind = unsafe { plain.write(words.as_mut_ptr()) }?;
        let used = (behind.addr() - words.as_ptr().addr()) / 8;
        Some(words[..used].iter().flat_map(|word| word.to_ne_bytes()).collect())
    }

    #[test]
    fn the_shortest_way_writes_what_the_others_do() {
        let text = "x".repeat(33);
        let all = [Value::Bool(true), Value::None, Value::Int(-7), Value::Float(0.5), Value::Bytes(&[1, 2, 3])];
        let texts: Vec<Value<'_>> = (0..33).map(|length| Value::Str(&text[..length])).collect();
        for values in [&[] as &[Value<'_>], &all, &texts] {
            let end = SpanEnd { end: Tick::from_raw(5), ..end(values, &[]) };
            let written = bytes_of(|pen| SpanRecord { scope: 9, end: &end }.write(pen)).unwrap();
            let quickly = written_quickly(values).unwrap();
            // What lies behind a text in its last word has no meaning.
            assert_eq!(format!("{:?}", fields_of(&quickly)), format!("{:?}", fields_of(&written)));
            assert_eq!((quickly.len(), &quickly[..64]), (written.len(), &written[..64]));
        }
        let nested = AttributeValue::List(Vec::new());
        for unusual in [Value::Str(&text), Value::Bytes(text.as_bytes()), Value::Json(&nested)] {
            assert_eq!(written_quickly(&[unusual]), None);
        }
    }

    fn fields_of(bytes: &[u8]) -> Vec<Field<'_>> {
        let RawBody::Span { fields, .. } = records(bytes).next().unwrap().body else { panic!("not a span") };
        fields.collect()
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
        assert_eq!((bytes_of(|pen| record.write_plain(pen)), int_words(key, -1)), (None, None));
        let bytes = bytes_of(|pen| record.write(pen)).unwrap();
        let read = Records::new(&bytes, Some(owner)).next().unwrap();
        let RawBody::Part { mut fields, .. } = read.body else { panic!("{read:?}") };
        assert_eq!(fields.next(), Some(Field::Attribute(RawKey::Text(&key[..TEXT_LIMIT]), RawValue::Int(-1))));
        assert_eq!(read.truncated, 1);
    }

    #[test]
    fn a_record_is_of_the_owner_named_last() {
        let owner = Owner { scope: 1, span: FRAME.span };
        let part = AttributeRecord { owner, key: "key", value: Value::Int(7) };
        let happened = EventRecord { owner, at: Tick::ZERO, name: "event", attributes: &[("key", Value::Int(7))] };
        let alone = bytes_of(|pen| part.write_plain(pen)).unwrap();
        assert_eq!(records(&alone).count(), 0, "whose is it?");
        let named = [bytes_of(|pen| pen.push(owner.to_words())).unwrap(), alone.clone(), alone].concat();
        let mut reading = records(&named);
        let read: Vec<RawRecord<'_>> = reading.by_ref().collect();
        assert_eq!(read.len(), 2);
        assert!(read.iter().all(|read| read.owner.scope == 1 && read.owner.span == FRAME.span));
        let happened = bytes_of(|pen| happened.write_plain(pen)).unwrap();
        let read = Records::new(&happened, reading.owner()).next().unwrap();
        assert!(matches!(read.body, RawBody::Event { .. }) && read.owner.span == FRAME.span, "{read:?}");
    }

    #[test]
    fn what_is_made_of_words_is_what_is_written() {
        // One key and one name: equal texts need not lie in one place.
        let (key, name): (&'static str, &'static str) = ("key", "name");
        let owner = Owner { scope: 1, span: FRAME.span };
        let attribute = |value| bytes_of(|pen| AttributeRecord { owner, key, value }.write(pen));
        let text = |pen: &mut Pen| {
            pen.push(text_words(key, 4)?)?;
            pen.bytes(b"text")
        };
        assert_eq!(bytes_of(|pen| pen.push(int_words(key, -7)?)), attribute(Value::Int(-7)));
        assert_eq!(bytes_of(|pen| pen.push(float_words(key, 0.5)?)), attribute(Value::Float(0.5)));
        assert_eq!(bytes_of(|pen| pen.push(flag_words(key, true)?)), attribute(Value::Bool(true)));
        // It doesn't say how many words it has.
        let (quickly, written) = (bytes_of(text).unwrap(), attribute(Value::Str("text")).unwrap());
        assert_eq!((&quickly[..6], &quickly[8..]), (&written[..6], &written[8..]));
        assert_eq!(Records::new(&[quickly.clone(), quickly].concat(), Some(owner)).count(), 2);
        let (at, parent, status) = (Tick::from_raw(5), FRAME.parent, Status::Ok);
        let event = EventRecord { owner, at, name, attributes: &[] };
        assert_eq!(bytes_of(|pen| pen.push(event_words(StaticText::pack(name), at))), bytes_of(|pen| event.write(pen)));
        let (open, packed) = (OpenFrames::default(), StaticText::pack(name));
        open.free_place(parent).unwrap().push_users(owner.span, at, packed);
        let top = open.top_users(owner.span).unwrap();
        let span = UserSpanRecord { owner, parent, start: at, end: at, name, status };
        assert_eq!(bytes_of(|pen| pen.push(user_span_words(&top, at))), bytes_of(|pen| span.write(pen)));
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
