//! A `&'static str` in one word, so that a name costs the hot path one store.
#![expect(unsafe_code, reason = "turns an address that was a `&'static str` back into one")]

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::AtomicU64;

/// More than a program's addresses have: up to 57 of which the highest one is the system's, on any processor.
const ADDRESS_BITS: u32 = 56;
/// The longest text that fits beside an address, in bytes.
const LONGEST: usize = 255;
/// Whether there is no need to ask whether an address fits: all those of programs do.
const ALL_FIT: bool = cfg!(target_arch = "x86_64");

/// A `&'static str` as one word: its address below, its length above. Zero stands for no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct StaticText(u64);

impl StaticText {
    /// No text.
    pub(crate) const NONE: Self = Self(0);

    /// Packs a text; [`NONE`](Self::NONE) if its address or length doesn't fit.
    #[inline]
    pub(crate) fn pack(text: &'static str) -> Self {
        let address = text.as_ptr().expose_provenance() as u64;
        let fits = (ALL_FIT || address >> ADDRESS_BITS == 0) && !text.is_empty() && text.len() <= LONGEST;
        if fits { Self(address | (text.len() as u64) << ADDRESS_BITS) } else { Self::NONE }
    }

    /// Returns the text; empty for none.
    pub(crate) fn get(self) -> &'static str {
        let length = (self.0 >> ADDRESS_BITS) as usize;
        if length == 0 {
            return "";
        }
        let address = (self.0 & ((1 << ADDRESS_BITS) - 1)) as usize;
        // SAFETY: a value with a length comes from `pack` alone (see `from_word`), which took address and length from
        // one `&'static str`.
        unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address), length)) }
    }

    /// Says whether there is no text.
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Returns the text, unless there is none.
    #[inline]
    pub(crate) fn some(self) -> Option<Self> {
        (!self.is_none()).then_some(self)
    }

    /// Returns the word, for a record.
    #[inline]
    pub(crate) const fn to_word(self) -> u64 {
        self.0
    }

    /// Makes the text from its word.
    ///
    /// # Safety
    /// The word must come from [`to_word`](Self::to_word), in this process.
    pub(crate) const unsafe fn from_word(word: u64) -> Self {
        Self(word)
    }
}

/// A [`StaticText`] that other threads read while it changes; they see one value or another, never a mixture.
#[derive(Debug, Default)]
pub(crate) struct AtomicStaticText(AtomicU64);

impl AtomicStaticText {
    #[inline]
    pub(crate) fn store(&self, text: StaticText) {
        self.0.store(text.0, Relaxed);
    }

    #[inline]
    pub(crate) fn load(&self) -> StaticText {
        StaticText(self.0.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back() {
        assert_eq!(StaticText::pack("düne").get(), "düne");
        let longest: &'static str = Box::leak("x".repeat(LONGEST).into_boxed_str());
        assert_eq!(StaticText::pack(longest).get(), longest);
        assert_eq!(StaticText::pack("").get(), "");
        assert!(StaticText::pack("").is_none());
        assert_eq!(StaticText::NONE.get(), "");
    }

    #[test]
    fn a_text_too_long_for_the_word_is_none() {
        let long: &'static str = Box::leak("x".repeat(1 + LONGEST).into_boxed_str());
        assert!(StaticText::pack(long).is_none());
    }

    #[test]
    fn a_cell_holds_the_last_text() {
        let cell = AtomicStaticText::default();
        assert!(cell.load().is_none());
        cell.store(StaticText::pack("a"));
        assert_eq!(cell.load().get(), "a");
    }
}
