//! The folder in which batches wait while a server is away: append-only segments, and how far they have been sent.
//!
//! A segment is one file of frames behind each other (see [`frame`]); the first is read, the last written, and one that has been sent is
//! deleted. A process that dies leaves all that it was told to keep; what it was sending is sent again. Each process has a folder
//! of its own below that of the destination, and takes over those of processes that have ended.

mod folder;
pub(crate) mod frame;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use folder::Folder;
use segment::Segment;

/// A segment that is as large gets no more frames.
const SEGMENT_BYTES: u64 = 8 << 20;

/// Frames that wait in a folder.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: Folder,
    most_bytes: u64,
    segments: VecDeque<Segment>,
}

impl Spool {
    /// Opens the folder of a destination, made on first use, for up to `most_bytes`. What earlier processes left waits again.
    pub(crate) fn open(path: &Path, most_bytes: u64) -> io::Result<Self> {
        let folder = Folder::take(path)?;
        let mut segments = VecDeque::new();
        for path in folder.segments()? {
            segments.extend(Segment::open(path)?);
        }
        Ok(Self { folder, most_bytes, segments })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Adds a frame behind the others, and flushes it to the disk.
    ///
    /// # Errors
    /// There is no room, or it can't be written; the others stay.
    pub(crate) fn push(&mut self, frame: &[u8]) -> io::Result<()> {
        let size: u64 = self.segments.iter().map(Segment::size_bytes).sum();
        if size.saturating_add(frame.len() as u64) > self.most_bytes {
            return Err(io::Error::new(io::ErrorKind::StorageFull, format!("{size} bytes wait already, no more may")));
        }
        if self.segments.back().is_none_or(|last| last.size_bytes() >= SEGMENT_BYTES) {
            let next = self.segments.back().map_or(1, |last| last.number() + 1);
            self.segments.push_back(Segment::create(self.folder.segment(next))?);
        }
        self.segments.back_mut().map_or(Ok(()), |segment| segment.push(frame))
    }

    /// Returns up to so many of the first frames of the first segment, which stay.
    pub(crate) fn first(&mut self, count: usize) -> Vec<Vec<u8>> {
        while let Some(segment) = self.segments.front_mut() {
            let frames = segment.first(count);
            if !frames.is_empty() {
                return frames;
            }
            // What is left of it can't be read.
            self.drop_front();
        }
        Vec::new()
    }

    /// Removes so many of the first frames that were returned last.
    pub(crate) fn remove_first(&mut self, count: usize) {
        if let Some(segment) = self.segments.front_mut()
            && segment.advance(count)
        {
            self.drop_front();
        }
    }

    /// Puts a frame aside that no server will ever take: into a file that stays for people to look at.
    pub(crate) fn set_aside(&self, frame: &[u8]) {
        self.folder.set_aside(frame);
    }

    fn drop_front(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            segment.delete();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(frames: Vec<Vec<u8>>) -> Vec<String> {
        frames.into_iter().map(|frame| String::from_utf8(frame).unwrap()).collect()
    }

    fn spool(folder: &Path) -> Spool {
        Spool::open(folder, 1 << 20).unwrap()
    }

    #[test]
    fn what_was_not_sent_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = spool(folder.path());
        ["a", "b", "c"].iter().for_each(|text| first.push(text.as_bytes()).unwrap());
        assert_eq!(texts(first.first(2)), ["a", "b"]);
        first.remove_first(1);
        drop(first);
        let mut again = spool(folder.path());
        again.push(b"d").unwrap();
        assert_eq!(texts(again.first(9)), ["b", "c", "d"]);
        again.remove_first(3);
        assert!(again.is_empty() && again.first(1).is_empty());
        drop(again);
        assert!(spool(folder.path()).is_empty());
    }

    #[test]
    fn two_processes_do_not_share_and_the_living_inherits() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (spool(folder.path()), spool(folder.path()));
        one.push(b"one").unwrap();
        other.push(b"other").unwrap();
        assert_eq!((texts(one.first(9)), texts(other.first(9))), (vec!["one".to_owned()], vec!["other".to_owned()]));
        drop((one, other));
        let mut later = spool(folder.path());
        let mut found = texts(later.first(1));
        later.remove_first(1);
        found.extend(texts(later.first(1)));
        found.sort();
        assert_eq!(found, ["one", "other"]);
    }

    #[test]
    fn what_has_no_room_is_refused_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 100).unwrap();
        spool.push(&[b'x'; 60]).unwrap();
        assert_eq!(spool.push(&[b'y'; 60]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(spool.first(9), [vec![b'x'; 60]]);
    }

    #[test]
    fn a_torn_or_changed_frame_costs_itself_and_what_is_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = spool(folder.path());
        ["first", "second"].iter().for_each(|text| whole.push(text.as_bytes()).unwrap());
        drop(whole);
        let file = folder.path().join("0").join("0000000000000001.segment");
        let bytes = std::fs::read(&file).unwrap();
        for at in 0..bytes.len() {
            for changed in [bytes[..at].to_vec(), [&bytes[..at], &[bytes[at] ^ 0x41], &bytes[at + 1..]].concat()] {
                std::fs::write(&file, changed).unwrap();
                let _ = std::fs::remove_file(file.with_extension("sent"));
                let found = texts(spool(folder.path()).first(9));
                assert!(found.is_empty() || found == ["first"], "{at}: {found:?}");
            }
        }
    }
}
