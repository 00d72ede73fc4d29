//! The memory that records are written into: words that one thread appends to while the collector reads behind it.
//!
//! Every word is an atomic that is stored and loaded relaxed, which costs what a plain one does; the length, stored with
//! release and loaded with acquire, is what makes the words before it readable. So there is nothing unsafe here.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// A text or byte string longer than this is cut off, in bytes.
pub(crate) const TEXT_LIMIT: usize = 16 * 1024;

/// A piece of append-only memory with one writer.
#[derive(Debug)]
pub(crate) struct Chunk {
    committed: AtomicUsize,
    words: Box<[AtomicU64]>,
}

impl Chunk {
    /// Makes an empty chunk and touches its memory, so that the system maps it now and not under a record.
    pub(crate) fn new(words: usize) -> Self {
        let chunk = Self { committed: AtomicUsize::new(0), words: (0..words).map(|_| AtomicU64::new(0)).collect() };
        chunk.words.iter().for_each(|word| word.store(1, Relaxed));
        chunk
    }

    /// Returns a pen for the words from `at` on.
    #[inline(always)]
    pub(crate) fn pen(&self, at: usize, text_limit: usize) -> Pen<'_> {
        let words = self.words.get(at..).unwrap_or_default();
        Pen { words, rest: words, fits: true, text_limit, truncated: 0 }
    }

    /// Makes everything before `at` readable. Only the chunk's writer may call this.
    #[inline]
    pub(crate) fn commit(&self, at: usize) {
        self.committed.store(at, Release);
    }

    /// Returns how many words are readable.
    pub(crate) fn committed(&self) -> usize {
        self.committed.load(Acquire)
    }

    /// Appends the bytes of the words in a readable range to `into`.
    pub(crate) fn read(&self, range: std::ops::Range<usize>, into: &mut Vec<u8>) {
        let words = self.words.get(range).unwrap_or_default();
        let start = into.len();
        into.resize(start + words.len() * 8, 0);
        let (slots, _) = into[start..].as_chunks_mut::<8>();
        slots.iter_mut().zip(words).for_each(|(slot, word)| *slot = word.load(Relaxed).to_le_bytes());
    }

    /// Empties the chunk.
    pub(crate) fn clear(&mut self) {
        *self.committed.get_mut() = 0;
    }
}

/// Writes one record; when it doesn't fit, nothing more is written.
#[derive(Debug)]
pub(crate) struct Pen<'a> {
    words: &'a [AtomicU64],
    rest: &'a [AtomicU64],
    fits: bool,
    text_limit: usize,
    truncated: u8,
}

impl Pen<'_> {
    /// Writes words.
    #[inline(always)]
    pub(crate) fn push<const N: usize>(&mut self, words: [u64; N]) {
        match self.rest.split_first_chunk::<N>() {
            Some((slots, rest)) => {
                slots.iter().zip(&words).for_each(|(slot, word)| slot.store(*word, Relaxed));
                self.rest = rest;
            }
            None => self.refuse(),
        }
    }

    /// Makes the record one that doesn't fit.
    #[inline(always)]
    pub(crate) fn refuse(&mut self) {
        self.rest = &[];
        self.fits = false;
    }

    /// Writes the record's first word again.
    #[inline(always)]
    pub(crate) fn set_first(&mut self, word: u64) {
        if let Some(slot) = self.words.first() {
            slot.store(word, Relaxed);
        }
    }

    /// Writes bytes, filled up with zeros to whole words.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let (whole, part) = bytes.as_chunks::<8>();
        let Some((slots, rest)) = self.rest.split_at_checked(whole.len()) else { return self.refuse() };
        slots.iter().zip(whole).for_each(|(slot, word)| slot.store(u64::from_le_bytes(*word), Relaxed));
        self.rest = rest;
        if !part.is_empty() {
            self.push([part_of_word(part)]);
        }
    }

    /// Returns as much of a text as a record may hold, and counts if that isn't all.
    pub(crate) fn fit_text<'t>(&mut self, text: &'t str) -> &'t str {
        if text.len() <= self.text_limit {
            return text;
        }
        self.count_truncated();
        &text[..text.floor_char_boundary(self.text_limit)]
    }

    /// Returns as many of the bytes as a record may hold, and counts if that aren't all.
    pub(crate) fn fit_bytes<'t>(&mut self, bytes: &'t [u8]) -> &'t [u8] {
        if bytes.len() <= self.text_limit {
            return bytes;
        }
        self.count_truncated();
        &bytes[..self.text_limit]
    }

    /// Counts a value that was cut off or left out.
    pub(crate) fn count_truncated(&mut self) {
        self.truncated = self.truncated.saturating_add(1);
    }

    /// Returns how many values were cut off or left out.
    pub(crate) const fn truncated(&self) -> u8 {
        self.truncated
    }

    /// Returns how many words are written.
    #[inline(always)]
    pub(crate) const fn used(&self) -> usize {
        self.words.len() - self.rest.len()
    }

    /// Says whether everything was written.
    #[inline(always)]
    pub(crate) const fn fits(&self) -> bool {
        self.fits
    }
}

/// Returns fewer than eight bytes as a word; copying so few by a call takes longer than the record.
#[inline(always)]
fn part_of_word(bytes: &[u8]) -> u64 {
    let (mut word, mut shift, mut rest) = (0, 0, bytes);
    if let Some((four, behind)) = rest.split_first_chunk::<4>() {
        word = u64::from(u32::from_le_bytes(*four));
        (shift, rest) = (32, behind);
    }
    if let Some((two, behind)) = rest.split_first_chunk::<2>() {
        word |= u64::from(u16::from_le_bytes(*two)) << shift;
        (shift, rest) = (shift + 16, behind);
    }
    rest.first().map_or(word, |byte| word | u64::from(*byte) << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_committed_can_be_read() {
        let mut chunk = Chunk::new(4);
        let mut pen = chunk.pen(0, 100);
        pen.push([7]);
        pen.bytes(b"123456789");
        assert!(pen.fits());
        let used = pen.used();
        assert_eq!((used, chunk.committed()), (3, 0));
        chunk.commit(used);
        let mut bytes = Vec::new();
        chunk.read(1..chunk.committed(), &mut bytes);
        assert_eq!(&bytes[..9], b"123456789");
        chunk.clear();
        assert_eq!(chunk.committed(), 0);
    }

    #[test]
    fn what_does_not_fit_is_only_counted() {
        let chunk = Chunk::new(2);
        let mut pen = chunk.pen(1, 100);
        pen.bytes(&[1; 24]);
        assert!(!pen.fits());
        assert!(!{
            let mut beyond = chunk.pen(9, 100);
            beyond.push([1]);
            beyond.fits()
        });
    }

    #[test]
    fn bytes_of_every_length_come_back() {
        let bytes: Vec<u8> = (1..=9).collect();
        for length in 0..=bytes.len() {
            let chunk = Chunk::new(2);
            let mut pen = chunk.pen(0, 100);
            pen.bytes(&bytes[..length]);
            assert_eq!(pen.used(), length.div_ceil(8));
            let mut read = Vec::new();
            chunk.read(0..pen.used(), &mut read);
            assert_eq!(&read[..length], &bytes[..length]);
            assert!(read[length..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        let chunk = Chunk::new(1);
        let mut pen = chunk.pen(0, 4);
        assert_eq!(pen.fit_text("abcü"), "abc");
        assert_eq!(pen.fit_text("abcd"), "abcd");
        assert_eq!(pen.fit_bytes(&[0; 9]).len(), 4);
        assert_eq!(pen.truncated(), 2);
    }
}
