//! Rows in the binary form of `COPY`: <https://www.postgresql.org/docs/current/sql-copy.html>.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_postgres::types::Type;

use super::failure::Failure;
use super::json::storable;

/// Rows of one table on their way to the server.
#[derive(Debug)]
pub(super) struct Rows {
    bytes: BytesMut,
    count: usize,
}

/// What stands before each value takes so many bytes.
const LENGTH: usize = size_of::<i32>();
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl Default for Rows {
    fn default() -> Self {
        Self { bytes: BytesMut::from(HEAD), count: 0 }
    }
}

impl Rows {
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Begins a row of so many fields, which come next.
    pub(super) fn row(&mut self, fields: i16) -> &mut Self {
        self.bytes.put_i16(fields);
        self.count += 1;
        self
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(storable(text).as_bytes())
    }

    pub(super) fn int(&mut self, number: i64) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn int_if(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.int(number),
            None => self.nothing(),
        }
    }

    pub(super) fn small(&mut self, number: i16) -> &mut Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn float(&mut self, number: Option<f64>) -> &mut Self {
        match number {
            Some(number) => self.bytes(&number.to_be_bytes()),
            None => self.nothing(),
        }
    }

    /// Adds a value of type `jsonb`, whose binary form is a version and the text.
    pub(super) fn json(&mut self, json: &str) -> &mut Self {
        self.put_length(json.len() + 1);
        self.bytes.put_u8(1);
        self.bytes.put_slice(json.as_bytes());
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.put_length(bytes.len());
        self.bytes.put_slice(bytes);
        self
    }

    pub(super) fn nothing(&mut self) -> &mut Self {
        self.bytes.put_i32(-1);
        self
    }

    /// Adds a value of type `text[]`.
    pub(super) fn texts<'a>(&mut self, texts: impl Iterator<Item = &'a str> + Clone) -> &mut Self {
        let sizes = texts.clone().map(|text| text.len() + LENGTH).sum();
        self.list(&Type::TEXT, texts.clone().count(), sizes);
        texts.for_each(|text| _ = self.text(text));
        self
    }

    /// Adds a value of type `bigint[]`.
    pub(super) fn ints(&mut self, numbers: impl Iterator<Item = i64> + Clone) -> &mut Self {
        let count = numbers.clone().count();
        self.list(&Type::INT8, count, count * (size_of::<i64>() + LENGTH));
        numbers.for_each(|number| _ = self.int(number));
        self
    }

    /// Begins a list of so many things, none of them missing, which take so many bytes with their lengths. It has one dimension
    /// (none where it is empty), and is counted from 1.
    fn list(&mut self, of: &Type, count: usize, size_bytes: usize) {
        let dimensions = i32::from(count > 0);
        let head = if count > 0 { 5 } else { 3 } * size_of::<i32>();
        self.put_length(head + size_bytes);
        self.bytes.put_i32(dimensions);
        self.bytes.put_i32(0);
        self.bytes.put_u32(of.oid());
        if count > 0 {
            self.put_length(count);
            self.bytes.put_i32(1);
        }
    }

    /// A field of more than 2 GB doesn't fit into a message anyway: the server refuses it.
    fn put_length(&mut self, length: usize) {
        self.bytes.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
    }

    /// Returns the rows as they are sent.
    pub(super) fn finished(&self) -> Bytes {
        let mut bytes = self.bytes.clone();
        bytes.put_i16(-1);
        bytes.freeze()
    }
}

/// The fields of a row as the server sends it.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
}

const BROKEN: Failure = Failure::Damaged("a row that was copied breaks off");

impl<'a> Fields<'a> {
    /// Begins to read what the server sent at once: a row, before the first of which stands a head; nothing at the end.
    pub(super) fn of_message(message: &'a [u8]) -> Result<Option<Self>, Failure> {
        let mut fields = Self { bytes: message.strip_prefix(HEAD).unwrap_or(message) };
        match fields.array().map(i16::from_be_bytes) {
            Ok(count) if count >= 0 => Ok(Some(fields)),
            // The end may have no message of its own.
            Ok(_) => Ok(None),
            Err(_) if message == HEAD => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Failure> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Failure::Damaged("a text that was copied is none"))
    }

    pub(super) fn int(&mut self) -> Result<i64, Failure> {
        self.bytes()?.try_into().map(i64::from_be_bytes).map_err(|_| BROKEN)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Failure> {
        let length = usize::try_from(self.array().map(i32::from_be_bytes)?).map_err(|_| BROKEN)?;
        let (field, rest) = self.bytes.split_at_checked(length).ok_or(BROKEN)?;
        self.bytes = rest;
        Ok(field)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (array, rest) = self.bytes.split_first_chunk::<N>().ok_or(BROKEN)?;
        self.bytes = rest;
        Ok(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut rows = Rows::default();
        rows.row(3).text("a").int(-7).bytes(&[1, 2]);
        let sent = rows.finished();
        let (row, end) = sent.split_at(sent.len() - 2);
        let mut fields = Fields::of_message(row).unwrap().unwrap();
        assert_eq!((fields.text().unwrap(), fields.int().unwrap(), fields.bytes().unwrap()), ("a", -7, &[1, 2][..]));
        assert!(fields.text().is_err() && Fields::of_message(end).unwrap().is_none());
        assert!(Fields::of_message(HEAD).unwrap().is_none() && Fields::of_message(b"\0").is_err());
        for length in HEAD.len() + 2..row.len() {
            let mut fields = Fields::of_message(&row[..length]).unwrap().unwrap();
            assert!(fields.text().and_then(|_| fields.int()).and_then(|_| fields.bytes()).is_err());
        }
    }

    #[test]
    fn rows_have_the_form_of_the_documentation() {
        let mut rows = Rows::default();
        rows.row(3).text("a\0").nothing().json("{}");
        assert!(!rows.is_empty() && Rows::default().is_empty());
        let sent = rows.finished();
        let fields = b"\0\x03\0\0\0\x02a\x01\xff\xff\xff\xff\0\0\0\x03\x01{}\xff\xff";
        assert_eq!(sent, [HEAD, fields].concat());
    }

    #[test]
    fn lists_say_how_many_things_they_hold() {
        let mut rows = Rows::default();
        rows.row(2).texts(["ab", ""].into_iter()).ints([7].into_iter());
        let texts = b"\0\x02\0\0\0\x1e\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x02ab\0\0\0\0";
        let ints = b"\0\0\0\x20\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0\x01\0\0\0\x01\0\0\0\x08\0\0\0\0\0\0\0\x07\xff\xff";
        assert_eq!(rows.finished(), [HEAD, texts, ints].concat());
        let mut nothing = Rows::default();
        nothing.row(1).ints([].into_iter());
        assert_eq!(nothing.finished()[HEAD.len()..], *b"\0\x01\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\x14\xff\xff");
    }
}
