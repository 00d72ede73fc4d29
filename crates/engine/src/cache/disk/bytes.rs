//! Numbers, texts and digests as bytes, read back without trust in what they say.

use crate::value::KeyDigest;

/// Puts values one after the other.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn digest(&mut self, digest: &KeyDigest) {
        self.0.extend_from_slice(digest);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Takes values one after the other; `None` is the answer to all that isn't there.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    pub(super) fn digest(&mut self) -> Option<KeyDigest> {
        let (digest, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*digest)
    }

    /// Takes a count and that many values.
    pub(super) fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        // A count that can't be is found out by the first value that isn't there.
        (0..count).map(|_| one(self)).collect()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}
