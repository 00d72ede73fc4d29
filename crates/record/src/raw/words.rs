//! Records of a few words, about spans that are named already: made where they are recorded, out of what is known there
//! when the program is compiled. `None` is for what is unusual, which [`write`](super::write) knows how to write.

use flowglass_model::Status;

use super::Owner;
use super::layout::{attribute_header, head, header, key, kind, tag};
use crate::Tick;
use crate::open::Top;
use crate::static_text::StaticText;

/// Names the span that the records behind it are about.
pub(crate) type OwnerWords = [u64; 3];

impl Owner {
    /// Returns the record that names this span.
    #[inline(always)]
    pub(crate) fn to_words(self) -> OwnerWords {
        [header(kind::OWNER, Status::Running, 0, 3), self.scope, self.span.to_u64()]
    }
}

/// An attribute that is a whole number.
#[inline(always)]
pub(crate) fn int_words(key: &'static str, number: i64) -> Option<[u64; 3]> {
    number_words(tag::INT, key, number.cast_unsigned())
}

/// An attribute that is a floating-point number.
#[inline(always)]
pub(crate) fn float_words(key: &'static str, number: f64) -> Option<[u64; 3]> {
    number_words(tag::FLOAT, key, number.to_bits())
}

/// An attribute that is true or false.
#[inline(always)]
pub(crate) fn flag_words(key: &'static str, flag: bool) -> Option<[u64; 2]> {
    let (length, address) = static_key(key)?;
    Some([attribute_header(head(tag::BOOL, length, flag as usize), 2), address])
}

/// An attribute that is a text of so many bytes, which follow.
#[inline(always)]
pub(crate) fn text_words(key: &'static str, bytes: usize) -> Option<[u64; 2]> {
    let (length, address) = static_key(key)?;
    Some([attribute_header(head(tag::STR, length, bytes), 0), address])
}

/// Something that happened in a span, under a name that isn't none.
#[inline(always)]
pub(crate) fn event_words(name: StaticText, at: Tick) -> [u64; 3] {
    [header(kind::EVENT, Status::Running, 0, 3), at.to_raw(), name.to_word()]
}

/// The end of a span that user code made, about which there is nothing unusual.
#[inline(always)]
pub(crate) fn user_span_words(top: &Top<'_>, end: Tick) -> [u64; 5] {
    [header(kind::USER_SPAN, Status::Ok, 0, 5), top.parent().to_u64(), top.start().to_raw(), end.to_raw(), top.name().to_word()]
}

/// Returns a static name as a field's key: its length, and the word behind the field's head.
#[inline(always)]
pub(super) fn static_key(name: &'static str) -> Option<(u64, u64)> {
    let length = name.len() as u64;
    let is_usual = (1..=key::LONGEST_NAME).contains(&length);
    is_usual.then(|| (length, name.as_ptr().expose_provenance() as u64))
}

#[inline(always)]
fn number_words(tag: u64, key: &'static str, number: u64) -> Option<[u64; 3]> {
    let (length, address) = static_key(key)?;
    Some([attribute_header(head(tag, length, 0), 3), address, number])
}
