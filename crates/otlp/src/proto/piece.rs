//! Bytes that shall be written, with what stands behind them in memory.

use flowglass_model::{Arena, Sym};

/// Bytes of at most so many are copied as if they were so many, which costs less than to copy just them.
const SHORT: usize = 32;

/// Bytes that shall be written, and what stands behind them in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece<'a> {
    bytes_and_more: &'a [u8],
    length: usize,
}

impl<'a> Piece<'a> {
    /// Finds an arena's entry.
    #[inline]
    pub(crate) fn of(arena: &'a Arena, sym: Sym) -> Self {
        let (length, bytes_and_more) = arena.bytes_and_more(sym);
        Self { bytes_and_more, length }
    }

    /// Returns the bytes.
    #[inline]
    pub(crate) fn bytes(self) -> &'a [u8] {
        &self.bytes_and_more[..self.length]
    }

    /// Returns the bytes and some of what stands behind them, if they are few and enough stands there.
    #[inline]
    pub(crate) fn window(self) -> Option<&'a [u8; SHORT]> {
        self.bytes_and_more.first_chunk().filter(|_| self.length <= SHORT)
    }

    #[inline]
    pub(crate) const fn len(self) -> usize {
        self.length
    }

    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.length == 0
    }
}

impl<'a> From<&'a [u8]> for Piece<'a> {
    #[inline]
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes_and_more: bytes, length: bytes.len() }
    }
}
