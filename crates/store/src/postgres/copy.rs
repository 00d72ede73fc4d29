//! Rows in the binary form of `COPY`: <https://www.postgresql.org/docs/current/sql-copy.html>.

use bytes::{BufMut, Bytes, BytesMut};

use super::json::storable;

/// Rows of one table on their way to the server.
#[derive(Debug)]
pub(super) struct Rows {
    bytes: BytesMut,
    count: usize,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_the_form_of_the_documentation() {
        let mut rows = Rows::default();
        rows.row(3).text("a\0").nothing().json("{}");
        assert!(!rows.is_empty() && Rows::default().is_empty());
        let sent = rows.finished();
        let fields = b"\0\x03\0\0\0\x02a\x01\xff\xff\xff\xff\0\0\0\x03\x01{}\xff\xff";
        assert_eq!(sent, [HEAD, fields].concat());
    }
}
