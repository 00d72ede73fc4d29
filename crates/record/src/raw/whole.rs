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
    owner: Owner,
    /// Its records, the end the last one.
    bytes: &'a [u8],
    attribute_count: u32,
    event_count: u32,
    /// Where the first event stands, in bytes.
    first_event: u32,
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
    #[inline]
    pub(super) fn find(records: &'a [u8], owner: Owner) -> Option<(Self, &'a [u8])> {
        let mut whole = Self { owner, bytes: records, attribute_count: 0, event_count: 0, first_event: 0 };
        let mut rest = Words(records);
        loop {
            let header = Header(Words(rest.0).next()?);
            let (record, behind) = rest.split(header.bytes().max(8))?;
            match header.kind() {
                kind::ATTRIBUTE => whole.attribute_count += 1,
                kind::EVENT if header.truncated() == 0 => whole.note_event(records.len() - rest.0.len()),
                kind::USER_SPAN if record.0.len() == END_BYTES => {
                    whole.bytes = &records[..records.len() - behind.0.len()];
                    return Some((whole, behind.0));
                }
                _ => return None,
            }
            rest = behind;
        }
    }

    /// Iterates over the records that it is made of, its end the last one.
    pub(crate) const fn records(&self) -> Records<'a> {
        Records::new(self.bytes, Some(self.owner))
    }

    /// Returns its end.
    #[inline]
    pub(crate) fn end(&self) -> Option<UsersEnd> {
        let mut words = Words(self.bytes.last_chunk::<END_BYTES>()?);
        let header = Header(words.next()?);
        UsersEnd::read(&mut words, self.owner.span, header.status()?)
    }

    /// Returns how many attributes it was given.
    pub(crate) const fn attribute_count(&self) -> usize {
        self.attribute_count as usize
    }

    /// Returns how many events happened in it.
    pub(crate) const fn event_count(&self) -> usize {
        self.event_count as usize
    }

    /// Iterates over the attributes that it was given.
    #[inline(always)]
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (RawKey<'a>, RawValue<'a>)> {
        let mut rest = Words(self.bytes);
        (0..self.attribute_count).map_while(move |_| {
            let record = next_of(kind::ATTRIBUTE, &mut rest)?;
            // It begins with its own head, and nothing stands behind it.
            match Fields(record).next()? {
                Field::Attribute(key, value) => Some((key, value)),
                _ => None,
            }
        })
    }

    /// Iterates over what happened in it.
    #[inline(always)]
    pub(crate) fn events(&self) -> impl Iterator<Item = (Tick, StaticText, Fields<'a>)> {
        let mut rest = Words(self.bytes.get(self.first_event as usize..).unwrap_or_default());
        (0..self.event_count).map_while(move |_| {
            let mut record = next_of(kind::EVENT, &mut rest)?;
            record.next()?;
            Some((record.tick()?, record.static_text()?, Fields(record)))
        })
    }

    const fn note_event(&mut self, place: usize) {
        if self.event_count == 0 {
            // A chunk is shorter.
            self.first_event = place as u32;
        }
        self.event_count += 1;
    }
}

/// Returns the next record of a kind.
#[inline(always)]
fn next_of<'a>(kind: u64, rest: &mut Words<'a>) -> Option<Words<'a>> {
    loop {
        let header = Header(Words(rest.0).next()?);
        let (record, behind) = rest.split(header.bytes())?;
        *rest = behind;
        if header.kind() == kind {
            return Some(record);
        }
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
        assert_eq!(
            (whole.attribute_count(), whole.event_count(), whole.end().unwrap().name.get(), records.len()),
            (2, 1, NAME, 2)
        );
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
                    assert_eq!(Some(UsersEnd { frame, name, end, status }), whole.end());
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
