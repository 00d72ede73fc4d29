//! One file of a spool: frames behind each other, each with its length and a checksum, and how far they have been sent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::hash::hash;

/// `FGB1`, the length in four bytes, the checksum in eight; numbers are little-endian.
const HEAD: u64 = 16;
const MAGIC: [u8; 4] = *b"FGB1";

/// One file of frames. How far it has been sent stands in a file beside it.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    /// Where the first frame that hasn't been sent begins.
    sent_bytes: u64,
    /// Where the frames end that were returned last.
    ends: Vec<u64>,
}

impl Segment {
    /// Makes a new file.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).read(true).append(true).open(&path)?;
        Ok(Self { path, file, size_bytes: 0, sent_bytes: 0, ends: Vec::new() })
    }

    /// Opens a file that an earlier process left. One without anything to send is deleted.
    pub(super) fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let file = OpenOptions::new().read(true).append(true).open(&path)?;
        let size_bytes = file.metadata()?.len();
        let sent = fs::read_to_string(path.with_extension("sent")).ok().and_then(|text| text.trim().parse().ok());
        let sent_bytes = sent.filter(|sent| *sent <= size_bytes).unwrap_or_default();
        let mut segment = Self { path, file, size_bytes, sent_bytes, ends: Vec::new() };
        let mut end = sent_bytes;
        while let Some((_, next)) = segment.read(end) {
            end = next;
        }
        if end == sent_bytes {
            segment.delete();
            return Ok(None);
        }
        // A process died while it wrote: what is added must not stand behind half a frame.
        segment.file.set_len(end)?;
        segment.size_bytes = end;
        Ok(Some(segment))
    }

    /// Returns the number in the file's name.
    pub(super) fn number(&self) -> u64 {
        self.path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).unwrap_or_default()
    }

    pub(super) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Adds a frame, and flushes it to the disk.
    pub(super) fn push(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let whole = [&MAGIC, length.to_le_bytes().as_slice(), &hash(frame).to_le_bytes(), frame].concat();
        if let Err(error) = self.file.write_all(&whole).and_then(|()| self.file.sync_data()) {
            // Half a frame would hide those behind it.
            self.file.set_len(self.size_bytes)?;
            return Err(error);
        }
        self.size_bytes += whole.len() as u64;
        Ok(())
    }

    /// Reads up to so many frames that haven't been sent.
    pub(super) fn first(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        self.ends.clear();
        let mut at = self.sent_bytes;
        while frames.len() < count
            && let Some((frame, end)) = self.read(at)
        {
            frames.push(frame);
            self.ends.push(end);
            at = end;
        }
        frames
    }

    /// Notes that so many of the frames that were read have been sent. Says whether there are no more.
    pub(super) fn advance(&mut self, count: usize) -> bool {
        if let Some(end) = count.checked_sub(1).and_then(|last| self.ends.get(last)) {
            self.sent_bytes = *end;
        }
        self.ends.clear();
        let is_last = self.sent_bytes >= self.size_bytes;
        if !is_last {
            // If this fails, frames are sent twice after a restart: better than not at all.
            let _ = fs::write(self.path.with_extension("sent"), self.sent_bytes.to_string());
        }
        is_last
    }

    /// Deletes the files.
    pub(super) fn delete(self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(self.path.with_extension("sent"));
    }

    /// Reads a whole frame, and where it ends; nothing where there is none.
    fn read(&mut self, at: u64) -> Option<(Vec<u8>, u64)> {
        let mut head = [0; HEAD as usize];
        self.file.seek(SeekFrom::Start(at)).ok()?;
        self.file.read_exact(&mut head).ok()?;
        let (magic, numbers) = head.split_first_chunk::<4>()?;
        let (length, checksum) = numbers.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length);
        let end = at + HEAD + u64::from(length);
        if *magic != MAGIC || end > self.size_bytes {
            return None;
        }
        let mut frame = vec![0; length as usize];
        self.file.read_exact(&mut frame).ok()?;
        (hash(&frame).to_le_bytes() == *checksum).then_some((frame, end))
    }
}
