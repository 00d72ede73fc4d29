//! Where things stand in a record's words.
//!
//! A record's header and the head of a field use different bits, so that a record that is one field needs one word for
//! both: from the lowest bit on, a record's kind (8 bits); its status, or the type of a field's value (8); how many values
//! were cut off, or a field's key (16); the length of a field's value in bytes (16); a record's length in words (16), which is left out of the shortest form of a text.

use flowglass_model::Status;

/// Kinds of records.
pub(super) mod kind {
    /// A span of a template ended.
    pub(in crate::raw) const SPAN: u64 = 1;
    /// One attribute: its head is the record's header.
    pub(in crate::raw) const ATTRIBUTE: u64 = 2;
    pub(in crate::raw) const EVENT: u64 = 3;
    pub(in crate::raw) const MESSAGE: u64 = 4;
    pub(in crate::raw) const LINK: u64 = 5;
    /// These name a trace and a span, and no scope.
    pub(in crate::raw) const LOG: u64 = 6;
    pub(in crate::raw) const LOOSE_EVENT: u64 = 7;
    /// These name a scope and one of its templates.
    pub(in crate::raw) const UNSEEN_END: u64 = 8;
    pub(in crate::raw) const COUNT: u64 = 9;
    /// Whose the records are that follow and name no span.
    pub(in crate::raw) const OWNER: u64 = 10;
    /// A span that user code made ended.
    pub(in crate::raw) const USER_SPAN: u64 = 11;
    /// Attributes behind a header of their own.
    pub(in crate::raw) const ATTRIBUTES: u64 = 12;
}

/// Types of a field's value.
pub(super) mod tag {
    /// Its length is its value.
    pub(in crate::raw) const BOOL: u64 = 1;
    pub(in crate::raw) const INT: u64 = 2;
    pub(in crate::raw) const FLOAT: u64 = 3;
    pub(in crate::raw) const STR: u64 = 4;
    pub(in crate::raw) const BYTES: u64 = 5;
    pub(in crate::raw) const JSON: u64 = 6;
    pub(in crate::raw) const MESSAGE: u64 = 7;
    pub(in crate::raw) const NAME: u64 = 8;
    pub(in crate::raw) const ERROR_TYPE: u64 = 9;
    pub(in crate::raw) const ERROR_MESSAGE: u64 = 10;
    pub(in crate::raw) const CAUSE: u64 = 11;
}

/// Keys of fields.
pub(super) mod key {
    /// Up to here, a key is the length of a static name, whose address is the next word.
    pub(in crate::raw) const LONGEST_NAME: u64 = 0x7fff;
    /// From here on, a key is a place in the template's keys.
    pub(in crate::raw) const FIRST_PLACE: u64 = 0x8000;
    pub(in crate::raw) const LAST_PLACE: u64 = 0xfff0;
    /// What a log record says.
    pub(in crate::raw) const BODY: u64 = 0xfffd;
    pub(in crate::raw) const NONE: u64 = 0xfffe;
    /// A text, whose length is the next word.
    pub(in crate::raw) const TEXT: u64 = 0xffff;
}

/// No record is longer than this, in words: no chunk is.
pub(crate) const LONGEST: usize = 0xffff;

/// Returns the header of a record of so many words.
#[inline(always)]
pub(super) fn header(kind: u64, status: Status, truncated: u8, words: usize) -> u64 {
    kind | u64::from(status.code()) << 8 | u64::from(truncated) << 16 | (words as u64) << 48
}

/// Returns the header of a record that is one attribute, from the attribute's head.
#[inline(always)]
pub(super) const fn attribute_header(head: u64, words: usize) -> u64 {
    kind::ATTRIBUTE | head | (words as u64) << 48
}

/// Returns the head of a field.
#[inline(always)]
pub(super) const fn head(tag: u64, key: u64, length: usize) -> u64 {
    tag << 8 | key << 16 | (length as u64) << 32
}

/// Returns the key of a place in the template's keys.
#[inline(always)]
pub(super) const fn place(at: usize) -> u64 {
    const PLACES: usize = (key::LAST_PLACE - key::FIRST_PLACE) as usize;
    key::FIRST_PLACE + if at < PLACES { at } else { PLACES } as u64
}

/// A record's header, read back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header(pub(super) u64);

impl Header {
    pub(super) const fn kind(self) -> u64 {
        self.0 & 0xff
    }

    pub(super) fn status(self) -> Option<Status> {
        Status::from_code((self.0 >> 8) as u8)
    }

    /// Returns how many values were cut off; a record that is one attribute has none of those.
    pub(super) const fn truncated(self) -> u8 {
        if self.kind() == kind::ATTRIBUTE { 0 } else { (self.0 >> 16) as u8 }
    }

    /// Returns the record's length in bytes: that of one text under a static name follows from the text's.
    pub(super) const fn bytes(self) -> usize {
        match self.0 >> 48 {
            0 => 16 + Head(self.0).length().next_multiple_of(8),
            words => words as usize * 8,
        }
    }
}

/// A field's head, read back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head(pub(super) u64);

impl Head {
    pub(super) const fn tag(self) -> u64 {
        self.0 >> 8 & 0xff
    }

    pub(super) const fn key(self) -> u64 {
        self.0 >> 16 & 0xffff
    }

    pub(super) const fn length(self) -> usize {
        (self.0 >> 32 & 0xffff) as usize
    }
}
