//! What the layer knows of an open file, and what tests do to it: faults on purpose, and notes of all that reaches the disk.

use std::ffi::c_int;
use std::path::Path;

use super::header;

/// What the layer knows of an open file.
#[derive(Default)]
pub(super) struct State {
    /// Whether this is the main file, and not a log or a journal.
    is_main: bool,
    /// The size of its pages, once its header was seen and is that of a store.
    page_bytes: Option<usize>,
    /// A page on its way to the disk, with its checksum.
    pub(super) sealed: Vec<u8>,
    #[cfg(test)]
    watched: Watched,
}

impl State {
    /// Says whether so many bytes at an offset are one page with a checksum.
    pub(super) fn is_page(&self, len: usize, offset: u64) -> bool {
        self.is_main && self.page_bytes == Some(len) && offset.is_multiple_of(len as u64)
    }

    /// Takes the size of pages from the header.
    pub(super) fn learn(&mut self, bytes: &[u8], offset: u64) {
        if self.is_main && offset == 0 {
            self.page_bytes = header::page_bytes(bytes).or(self.page_bytes);
        }
    }
}

/// Notes that a file was deleted, and whether its folder was flushed after it.
#[cfg(not(test))]
pub(super) const fn note_delete(_path: &Path, _for_certain: bool) {}

/// Notes that a file was deleted, and whether its folder was flushed after it.
#[cfg(test)]
pub(super) fn note_delete(path: &Path, for_certain: bool) {
    if let Some(journal) = super::power::of(path) {
        journal.note(path, super::power::Deed::Delete { for_certain });
    }
}

#[cfg(not(test))]
impl State {
    pub(super) fn new(_path: Option<&Path>, is_main: bool) -> Self {
        Self { is_main, ..Self::default() }
    }

    pub(super) const fn fault(&self, _otherwise: c_int) -> Option<c_int> {
        None
    }

    pub(super) const fn note_write(&self, _at: u64, _bytes: &[u8]) {}

    pub(super) const fn note_truncate(&self, _size: i64) {}

    pub(super) const fn note_flush(&self) {}
}

/// Who watches a file.
#[cfg(test)]
#[derive(Default)]
struct Watched {
    faults: Option<std::sync::Arc<super::faults::Faults>>,
    journal: Option<(std::path::PathBuf, std::sync::Arc<super::power::Journal>)>,
}

#[cfg(test)]
impl State {
    pub(super) fn new(path: Option<&Path>, is_main: bool) -> Self {
        let journal = path.and_then(|path| super::power::of(path).map(|journal| (path.to_owned(), journal)));
        let watched = Watched { faults: path.and_then(super::faults::of), journal };
        Self { is_main, watched, ..Self::default() }
    }

    /// Returns the code with which the next call is to fail, if it is.
    pub(super) fn fault(&self, otherwise: c_int) -> Option<c_int> {
        self.watched.faults.as_ref()?.next(otherwise)
    }

    pub(super) fn note_write(&self, at: u64, bytes: &[u8]) {
        self.note(|| super::power::Deed::Write(at, bytes.to_vec()));
    }

    pub(super) fn note_truncate(&self, size: i64) {
        self.note(|| super::power::Deed::Truncate(u64::try_from(size).unwrap_or(0)));
    }

    pub(super) fn note_flush(&self) {
        self.note(|| super::power::Deed::Flush);
    }

    fn note(&self, deed: impl FnOnce() -> super::power::Deed) {
        if let Some((path, journal)) = &self.watched.journal {
            journal.note(path, deed());
        }
    }
}
