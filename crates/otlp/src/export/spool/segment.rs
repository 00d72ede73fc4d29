//! One file of a spool: entries behind each other, and how far they have been sent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::super::body::Body;
use super::entry;

/// One file of entries. How far it has been sent stands in a file beside it.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    /// Where the first entry that hasn't been sent begins.
    sent_bytes: u64,
    /// Where it ends, once it has been read.
    first_end: u64,
    items_left: u64,
}

impl Segment {
    /// Makes a new file.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).read(true).append(true).open(&path)?;
        Ok(Self { path, file, size_bytes: 0, sent_bytes: 0, first_end: 0, items_left: 0 })
    }

    /// Opens a file that an earlier process left. One without anything to send is deleted.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).append(true).open(&path)?;
        let size_bytes = file.metadata()?.len();
        let sent = fs::read_to_string(path.with_extension("sent")).ok().and_then(|text| text.trim().parse().ok());
        let sent_bytes = sent.filter(|sent| *sent <= size_bytes).unwrap_or_default();
        let mut segment = Self { path, file, size_bytes, sent_bytes, first_end: sent_bytes, items_left: 0 };
        let whole_end = segment.count_items();
        if whole_end == sent_bytes {
            segment.delete();
            return Ok(None);
        }
        if whole_end < size_bytes {
            // A process died while it wrote: what it adds must not stand behind half an entry.
            segment.file.set_len(whole_end)?;
            segment.size_bytes = whole_end;
        }
        Ok(Some(segment))
    }

    /// Returns the number in the file's name.
    pub(super) fn number(&self) -> u64 {
        self.path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).unwrap_or_default()
    }

    pub(super) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, body: &Body) -> io::Result<()> {
        let entry = entry::write(body).ok_or(io::ErrorKind::FileTooLarge)?;
        if let Err(error) = self.file.write_all(&entry) {
            // Half an entry would hide those behind it.
            self.file.set_len(self.size_bytes)?;
            return Err(error);
        }
        self.size_bytes += entry.len() as u64;
        self.items_left += body.items;
        Ok(())
    }

    /// Reads the first entry that hasn't been sent; nothing where there is none, or it can't be read.
    pub(super) fn first(&mut self) -> Option<Body> {
        let head = self.head_at(self.sent_bytes)?;
        let mut bytes = vec![0; head.length as usize];
        self.file.read_exact(&mut bytes).ok()?;
        self.first_end = self.sent_bytes + (entry::HEAD + bytes.len()) as u64;
        entry::read(head, bytes)
    }

    /// Notes that the entry that was read has been sent. Says whether it was the last.
    pub(super) fn advance(&mut self) -> bool {
        if let Some(head) = self.head_at(self.sent_bytes) {
            self.items_left = self.items_left.saturating_sub(u64::from(head.items));
        }
        self.sent_bytes = self.first_end.max(self.sent_bytes);
        let is_last = self.sent_bytes >= self.size_bytes;
        if !is_last {
            // If this fails, entries are sent twice after a restart: better than not at all.
            let _ = fs::write(self.path.with_extension("sent"), self.sent_bytes.to_string());
        }
        is_last
    }

    /// Deletes the files; returns how many items were still to be sent.
    pub(super) fn delete(self) -> u64 {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("sent"));
        self.items_left
    }

    /// Counts what is left to be sent; returns where the last whole entry ends.
    fn count_items(&mut self) -> u64 {
        let mut at = self.sent_bytes;
        while let Some(head) = self.head_at(at) {
            at += entry::HEAD as u64 + u64::from(head.length);
            self.items_left += u64::from(head.items);
        }
        at
    }

    /// Reads the head of an entry that lies whole in the file, and stands behind it.
    fn head_at(&mut self, at: u64) -> Option<entry::Head> {
        let mut bytes = [0; entry::HEAD];
        self.file.seek(SeekFrom::Start(at)).ok()?;
        self.file.read_exact(&mut bytes).ok()?;
        let head = entry::read_head(bytes)?;
        (at + entry::HEAD as u64 + u64::from(head.length) <= self.size_bytes).then_some(head)
    }
}
