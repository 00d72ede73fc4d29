//! A user's span whose records stand behind each other, from the one that names it to its end: most spans inside of which no other
//! one begins. It is read as one record.

use flowglass_model::{SpanId, Status, flags};

use super::layout::{Header, kind};
use super::read::{Field, Fields, RawKey, RawValue, Records, Words};
use super::{Owner, USER_TEMPLATE};
use crate::Tick;
use crate::open::{Frame, NO_INDEX};
use crate::static_text::StaticText;

/// How long the end of a span is about which there is nothing unusual, in bytes.
const END_BYTES: usize = 5 * 8;

/// A user's span with all that was said of it, none of which is unusual.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WholeSpan<'a> {
    pub(crate) end: UsersEnd,
    /// How many attributes it was given.
    pub(crate) attribute_count: usize,
    /// How many events happened in it.
    pub(crate) event_count: usize,
    owner: Owner,
    bytes: &'a [u8],
}

/// The end of a span that user code made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsersEnd {
    pub(crate) frame: Frame,
    pub(crate) name: StaticText,
    pub(crate) end: Tick,
    pub(crate) status: Status,
}

impl<'a> WholeSpan<'a> {
    /// Finds one right behind the record that names its owner; returns what stands behind it, too.
    pub(super) fn find(records: &'a [u8], owner: Owner) -> Option<(Self, &'a [u8])> {
        let (mut rest, mut attribute_count, mut event_count) = (records, 0, 0);
        loop {
            let header = Header(Words(rest).next()?);
            let (record, behind) = rest.split_at_checked(header.bytes().max(8))?;
            rest = behind;
            match header.kind() {
                kind::ATTRIBUTE => attribute_count += 1,
                kind::EVENT if header.truncated() == 0 => event_count += 1,
                kind::USER_SPAN if record.len() == END_BYTES => {
                    let end = UsersEnd::read(&mut Words(&record[8..]), owner.span, header.status()?)?;
                    let bytes = &records[..records.len() - rest.len()];
                    return Some((Self { end, attribute_count, event_count, owner, bytes }, rest));
                }
                _ => return None,
            }
        }
    }

    /// Iterates over the records that it is made of, its end the last one.
    pub(crate) const fn records(&self) -> Records<'a> {
        Records::new(self.bytes, Some(self.owner))
    }

    /// Iterates over the attributes that it was given.
    #[inline]
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (RawKey<'a>, RawValue<'a>)> {
        // One begins with its own head, and nothing stands behind it.
        self.of_kind(kind::ATTRIBUTE).filter_map(|record| match Fields(record).next()? {
            Field::Attribute(key, value) => Some((key, value)),
            _ => None,
        })
    }

    /// Iterates over what happened in it.
    #[inline]
    pub(crate) fn events(&self) -> impl Iterator<Item = (Tick, StaticText, Fields<'a>)> {
        self.of_kind(kind::EVENT).filter_map(|mut record| {
            record.next()?;
            Some((record.tick()?, record.static_text()?, Fields(record)))
        })
    }

    #[inline]
    fn of_kind(&self, kind: u64) -> impl Iterator<Item = Words<'a>> {
        let mut rest = Words(self.bytes);
        std::iter::from_fn(move || {
            loop {
                let header = Header(Words(rest.0).next()?);
                let (record, behind) = rest.split(header.bytes())?;
                rest = behind;
                if header.kind() == kind {
                    return Some(record);
                }
            }
        })
    }
}

impl UsersEnd {
    /// Reads the words behind its header.
    #[inline]
    pub(super) fn read(words: &mut Words<'_>, span: SpanId, status: Status) -> Option<Self> {
        let parent = SpanId::from_u64(words.next()?);
        let (start, end, name) = (words.tick()?, words.tick()?, words.static_text()?);
        let frame = Frame { span, parent, template: USER_TEMPLATE, index: NO_INDEX, start, flags: flags::SAMPLED };
        Some(Self { frame, name, end, status })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::bytes_of;
    use super::super::{AttributeRecord, EventRecord, MessageRecord, RawBody, RawRecord, Record, UserSpanRecord};
    use super::*;
    use crate::Value;
    use crate::pen::Pen;

    const OWNER: Owner = Owner { scope: 1, span: SpanId::from_u64(2) };
    const NAME: &str = "name";

    fn end(name: &'static str) -> UserSpanRecord {
        let parent = SpanId::from_u64(1);
        UserSpanRecord { owner: OWNER, parent, start: Tick::ZERO, end: Tick::from_raw(5), name, status: Status::Ok }
    }

    fn written(parts: &[&dyn Record]) -> Vec<u8> {
        let named = bytes_of(|pen: &mut Pen| pen.push(OWNER.to_words())).unwrap();
        parts.iter().fold(named, |all, part| [all, bytes_of(|pen| part.write(pen)).unwrap()].concat())
    }

    fn read(bytes: &[u8]) -> Vec<RawRecord<'_>> {
        Records::new(bytes, None).collect()
    }

    #[test]
    fn a_span_in_one_piece_is_one_record_and_the_same_as_its_records() {
        let attribute = AttributeRecord { owner: OWNER, key: "key", value: Value::Str("text") };
        let event = EventRecord { owner: OWNER, at: Tick::from_raw(3), name: "event", attributes: &[("row", Value::Int(7))] };
        let number = AttributeRecord { owner: OWNER, key: "number", value: Value::Int(-7) };
        let bytes = written(&[&attribute, &event, &number, &end(NAME), &number]);
        let records = read(&bytes);
        let RawBody::Whole(whole) = records[0].body else { panic!("{records:?}") };
        assert_eq!((whole.attribute_count, whole.event_count, whole.end.name.get(), records.len()), (2, 1, NAME, 2));
        let (mut attributes, mut events) = (whole.attributes(), whole.events());
        for apart in whole.records() {
            match apart.body {
                RawBody::Part { mut fields, .. } => {
                    let (key, value) = attributes.next().unwrap();
                    assert_eq!(fields.next(), Some(Field::Attribute(key, value)));
                }
                RawBody::Event { at, name, fields } => {
                    let (whole_at, whole_name, whole_fields) = events.next().unwrap();
                    assert_eq!((whole_at, whole_name, whole_fields.bytes()), (at, name, fields.bytes()));
                }
                RawBody::Span { frame, name, end, status, .. } => {
                    assert_eq!(UsersEnd { frame, name, end, status }, whole.end);
                }
                _ => panic!("{apart:?}"),
            }
        }
        assert!(attributes.next().is_none() && events.next().is_none());
    }

    #[test]
    fn what_is_unusual_is_read_record_by_record() {
        let part = AttributeRecord { owner: OWNER, key: "key", value: Value::Int(1) };
        let long: &'static str = Box::leak("n".repeat(300).into_boxed_str());
        let failure = MessageRecord { owner: OWNER, message: "why" };
        let unusual: [&[&dyn Record]; 3] = [&[&part, &end(long)], &[&part, &failure, &end(NAME)], &[&part]];
        for parts in unusual {
            let bytes = written(parts);
            let records = read(&bytes);
            assert_eq!(records.len(), parts.len(), "{records:?}");
            assert!(records.iter().all(|record| !matches!(record.body, RawBody::Whole(_))));
        }
    }

    #[test]
    fn a_span_that_is_cut_off_is_none() {
        let part = AttributeRecord { owner: OWNER, key: "key", value: Value::Str("text") };
        let bytes = written(&[&part, &end(NAME)]);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).iter().all(|record| !matches!(record.body, RawBody::Whole(_))), "cut at {cut}");
        }
        assert_eq!(read(&bytes).len(), 1);
    }
}
