//! A folder in which bodies wait while their destination is away: append-only segments, and how far they have been sent.
//!
//! A segment is one file of entries behind each other (see [`entry`]). The first is read, the last written; one that has been sent
//! is deleted. A process that dies leaves everything that it has written; what it was sending is sent again. Each process has
//! a folder of its own, and takes over those of processes that have ended.

mod entry;
mod folder;
mod segment;

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use self::folder::Folder;
use self::segment::Segment;
use super::body::Body;

/// A segment that is as large gets no more entries.
const SEGMENT_BYTES: u64 = 4 << 20;

/// Bodies that wait in a folder.
#[derive(Debug)]
pub(super) struct Spool {
    folder: Folder,
    most_bytes: u64,
    segments: VecDeque<Segment>,
}

impl Spool {
    /// Opens a folder, made on first use, for up to `most_bytes`. What an earlier process left there waits again.
    pub(super) fn open(path: &Path, most_bytes: u64) -> io::Result<Self> {
        let folder = Folder::take(path)?;
        let segments =
            folder.segments()?.into_iter().filter_map(|path| Segment::open(path).transpose()).collect::<io::Result<_>>()?;
        Ok(Self { folder, most_bytes, segments })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Adds a body behind the others. Returns how many items were lost: those of the oldest segment where there was no room, or
    /// these where they couldn't be written.
    pub(super) fn push(&mut self, body: &Body) -> u64 {
        let written = self.last_segment().and_then(|segment| segment.push(body));
        let lost = if written.is_err() { body.items } else { 0 };
        lost + self.make_room()
    }

    /// Returns the first body, which stays. Returns also how many items couldn't be read, which are gone.
    pub(super) fn first(&mut self) -> (Option<Body>, u64) {
        let mut lost = 0;
        while let Some(segment) = self.segments.front_mut() {
            if let Some(body) = segment.first() {
                return (Some(body), lost);
            }
            lost += self.drop_front();
        }
        (None, lost)
    }

    /// Removes the first body.
    pub(super) fn remove_first(&mut self) {
        if let Some(segment) = self.segments.front_mut()
            && segment.advance()
        {
            self.drop_front();
        }
    }

    fn last_segment(&mut self) -> io::Result<&mut Segment> {
        if self.segments.back().is_none_or(|last| last.size_bytes() >= SEGMENT_BYTES.min(self.most_bytes / 2)) {
            let next = self.segments.back().map_or(1, |last| last.number() + 1);
            self.segments.push_back(Segment::create(self.folder.segment(next))?);
        }
        self.segments.back_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn make_room(&mut self) -> u64 {
        let mut lost = 0;
        while self.segments.len() > 1 && self.segments.iter().map(Segment::size_bytes).sum::<u64>() > self.most_bytes {
            lost += self.drop_front();
        }
        lost
    }

    /// Deletes the first segment; returns how many items were still in it.
    fn drop_front(&mut self) -> u64 {
        self.segments.pop_front().map_or(0, Segment::delete)
    }
}

#[cfg(test)]
mod tests {
    use super::super::destination::Compression;
    use super::*;

    fn body(text: &str) -> Body {
        Body { bytes: text.to_owned().into(), compression: Compression::Gzip, is_json: true, items: 1 }
    }

    fn drain(spool: &mut Spool) -> Vec<String> {
        std::iter::from_fn(|| {
            let (body, _) = spool.first();
            spool.remove_first();
            body.map(|body| String::from_utf8(body.bytes.to_vec()).unwrap())
        })
        .collect()
    }

    fn files(path: &Path) -> Vec<std::path::PathBuf> {
        let folder = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
        files.sort();
        files
    }

    #[test]
    fn what_was_not_sent_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
        ["a", "b", "c"].iter().for_each(|text| assert_eq!(spool.push(&body(text)), 0));
        assert_eq!(spool.first(), (Some(body("a")), 0));
        spool.remove_first();
        drop(spool);
        let mut again = Spool::open(folder.path(), 1 << 20).unwrap();
        again.push(&body("d"));
        assert_eq!(drain(&mut again), ["b", "c", "d"]);
        assert!(again.is_empty() && files(folder.path()).is_empty());
    }

    #[test]
    fn two_processes_do_not_share_and_the_living_inherits() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Spool::open(folder.path(), 1 << 20).unwrap();
        let mut other = Spool::open(folder.path(), 1 << 20).unwrap();
        one.push(&body("one"));
        other.push(&body("other"));
        assert_eq!((one.first().0, other.first().0), (Some(body("one")), Some(body("other"))));
        drop((one, other));
        let mut later = Spool::open(folder.path(), 1 << 20).unwrap();
        let mut found = drain(&mut later);
        found.sort();
        assert_eq!(found, ["one", "other"]);
    }

    #[test]
    fn beyond_the_limit_the_oldest_go_and_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1000).unwrap();
        let lost: u64 = (0..100).map(|_| spool.push(&body(&"x".repeat(100)))).sum();
        let left = drain(&mut spool).len() as u64;
        assert_eq!(lost + left, 100);
        assert!((2..12).contains(&left), "{left}");
    }

    #[test]
    fn a_torn_or_changed_entry_costs_the_rest_of_its_segment_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
        ["first", "second"].iter().for_each(|text| assert_eq!(spool.push(&body(text)), 0));
        drop(spool);
        let file = files(folder.path()).remove(0);
        let whole = std::fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            let mut torn = Spool::open(folder.path(), 1 << 20).unwrap();
            let left: Vec<_> =
                std::iter::from_fn(|| torn.segments.front_mut()?.first().map(|_| torn.segments[0].advance())).collect();
            assert!(left.len() < 2);
            drop(torn);
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x41;
            std::fs::write(&file, &changed).unwrap();
            let mut spool = Spool::open(folder.path(), 1 << 20).unwrap();
            let texts: Vec<String> = drain(&mut spool);
            assert!(texts.iter().all(|text| text == "first" || text == "second"), "{at}: {texts:?}");
            drop(spool);
        }
    }
}
