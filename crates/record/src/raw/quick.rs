//! The end of a template's span, written the short way: room is asked for once, all is copied by stores, and nothing is
//! called, so that no register need be saved.
#![expect(unsafe_code, reason = "one comparison for each field would be half of the instructions")]

use flowglass_model::Status;

use super::layout::{LONGEST, head, header, key, kind, tag};
use crate::open::Frame;
use crate::pen::copy_short;
use crate::{Tick, Value};

/// Words in front of the fields.
const FRAME: usize = 8;
/// A field takes no more words: its head, and the value.
const FIELD: usize = 1 + SHORT / 8;
/// Longer texts are written another way, in bytes.
const SHORT: usize = 32;

/// The end of a template's span that ended well, of which there is nothing more to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainEnd<'a> {
    pub(crate) scope: u64,
    pub(crate) frame: &'a Frame,
    pub(crate) end: Tick,
    pub(crate) values: &'a [Value<'a>],
}

impl PlainEnd<'_> {
    /// Returns how many bytes the record takes at most. No slice is so long that this, and an address with it, would overflow.
    #[inline(always)]
    pub(crate) const fn most_bytes(&self) -> u64 {
        const { assert!(size_of::<usize>() < 8 || size_of::<Value<'_>>() * 2 > FIELD * 8) };
        (FRAME as u64 + FIELD as u64 * self.values.len() as u64) * 8
    }

    /// Writes the record, unless there is something unusual in it. Returns what is behind it.
    ///
    /// # Safety
    /// There must be room for [`most_bytes`](Self::most_bytes).
    #[inline(always)]
    pub(crate) unsafe fn write(&self, room: *mut u64) -> Option<*mut u64> {
        // There is no room for so many fields that one would be too far behind to have a key.
        const { assert!(LONGEST / FIELD < (key::LAST_PLACE - key::FIRST_PLACE) as usize) };
        let Frame { span, parent, index, start, template, flags } = *self.frame;
        // SAFETY: a frame and its fields have room, as is asked for.
        unsafe {
            let word = u64::from(template) | u64::from(flags) << 32;
            let frame = [self.scope, span.to_u64(), parent.to_u64(), index, start.to_raw(), word, self.end.to_raw()];
            let mut next = put(room.add(1), frame);
            for (key, value) in (key::FIRST_PLACE..).zip(self.values) {
                next = field(next, key, value)?;
            }
            let words = next.offset_from_unsigned(room);
            put(room, [header(kind::SPAN, Status::Ok, 0, words)]);
            Some(next)
        }
    }
}

/// Writes words, and returns where the next one goes.
///
/// # Safety
/// There must be room for them.
#[inline(always)]
unsafe fn put<const N: usize>(next: *mut u64, words: [u64; N]) -> *mut u64 {
    // SAFETY: as the caller says.
    unsafe {
        next.cast::<[u64; N]>().write(words.map(u64::to_le));
        next.add(N)
    }
}

/// Writes a field, if there is nothing unusual in it; returns where the next one goes.
///
/// # Safety
/// There must be room for [`FIELD`].
#[inline(always)]
unsafe fn field(next: *mut u64, key: u64, value: &Value<'_>) -> Option<*mut u64> {
    // SAFETY: none of these is more than a field takes.
    unsafe {
        match *value {
            Value::None => Some(next),
            Value::Bool(flag) => Some(put(next, [head(tag::BOOL, key, usize::from(flag))])),
            Value::Int(number) => Some(put(next, [head(tag::INT, key, 0), number.cast_unsigned()])),
            Value::Float(number) => Some(put(next, [head(tag::FLOAT, key, 0), number.to_bits()])),
            Value::Str(text) => bytes(next, (tag::STR, key), text.as_bytes()),
            Value::Bytes(value) => bytes(next, (tag::BYTES, key), value),
            Value::Json(_) => None,
        }
    }
}

/// As [`field`], of a text or of bytes.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn bytes(next: *mut u64, (tag, key): (u64, u64), bytes: &[u8]) -> Option<*mut u64> {
    if bytes.len() > SHORT {
        return None;
    }
    // SAFETY: no longer than what a field has room for.
    unsafe {
        let next = put(next, [head(tag, key, bytes.len())]);
        copy_short(bytes, next.cast());
        Some(next.add(bytes.len().div_ceil(8)))
    }
}
