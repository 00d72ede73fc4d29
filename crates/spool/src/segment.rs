//! One file of a spool: frames behind each other, of which those that have arrived are marked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use crate::Frame;
use crate::head::{self, Head};

/// So much is searched at once for the next head behind bytes that can't be read.
const SEARCHED_BYTES: usize = 64 << 10;

/// One file of frames. Only the process that made it adds to it.
#[derive(Debug)]
pub(crate) struct Segment {
    number: u64,
    path: PathBuf,
    /// Nothing until it is needed, so that many small files are not all open.
    file: Option<File>,
    size_bytes: u64,
    /// Where the first frame begins that may wait.
    at: u64,
    /// Where the frames lie that were lent last.
    lent: Vec<Place>,
    is_own: bool,
    is_dirty: bool,
    /// Whether it holds bytes that can't be read.
    is_damaged: bool,
}

/// Where a frame lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    head: Head,
}

impl Place {
    fn end(self) -> u64 {
        self.at + self.head.frame_bytes()
    }
}

/// What was found in a file from some place on.
enum Found {
    Frame(Place),
    /// Bytes that are no frame, up to where the next begins.
    Damage(u64),
    /// Nothing more, or the beginning of a frame that was never finished.
    End,
}

impl Segment {
    /// Makes a new file.
    pub(crate) fn create(number: u64, path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(&path)?;
        Ok(Self { file: Some(file), is_own: true, ..Self::at_rest(number, path, 0) })
    }

    /// Takes a file that an earlier process left.
    pub(crate) fn found(number: u64, path: PathBuf) -> io::Result<Self> {
        let size_bytes = fs::metadata(&path)?.len();
        Ok(Self::at_rest(number, path, size_bytes))
    }

    const fn at_rest(number: u64, path: PathBuf, size_bytes: u64) -> Self {
        let lent = Vec::new();
        Self { number, path, file: None, size_bytes, at: 0, lent, is_own: false, is_dirty: false, is_damaged: false }
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    pub(crate) const fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(crate) const fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Says whether a frame may be added.
    pub(crate) const fn takes_more(&self, most_bytes: u64) -> bool {
        self.is_own && self.size_bytes < most_bytes
    }

    /// Closes the file until it is needed again.
    pub(crate) fn rest(&mut self) {
        self.file = None;
    }

    /// Adds a frame.
    pub(crate) fn push(&mut self, head: Head, bytes: &[u8]) -> io::Result<()> {
        let whole = [&head.to_bytes(), bytes].concat();
        let end = self.size_bytes;
        let file = self.file()?;
        file.seek(SeekFrom::Start(end))?;
        if let Err(error) = file.write_all(&whole) {
            // What comes next is written over it where it can't be cut off.
            let _ = file.set_len(end);
            return Err(error);
        }
        self.size_bytes += whole.len() as u64;
        self.is_dirty = true;
        Ok(())
    }

    /// Flushes to the disk what was added. Says whether there was anything.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        if self.is_dirty {
            self.file()?.sync_data()?;
        }
        Ok(std::mem::take(&mut self.is_dirty))
    }

    /// Says whether nothing waits here, as far as heads tell.
    pub(crate) fn is_over(&mut self) -> bool {
        loop {
            match self.find(self.at) {
                Found::Frame(place) if place.head.is_sent => self.at = place.end(),
                Found::Frame(_) | Found::Damage(_) => return false,
                Found::End => return true,
            }
        }
    }

    /// Reads up to so many of the first frames that wait, and counts the items in front of them that can't be read.
    pub(crate) fn lend(&mut self, most: usize) -> (Vec<Frame>, u64) {
        self.lent.clear();
        let (mut frames, mut lost) = (Vec::new(), 0);
        let mut at = self.at;
        while frames.len() < most {
            let next = match self.find(at) {
                Found::End => break,
                Found::Frame(place) if place.head.is_sent => place.end(),
                Found::Frame(place) => match self.read(place) {
                    Some(frame) => {
                        frames.push(frame);
                        self.lent.push(place);
                        place.end()
                    }
                    // What can't be read between others is dealt with when it is the first.
                    None if !frames.is_empty() => break,
                    None => self.step_over(place.end(), u64::from(place.head.items), &mut lost),
                },
                Found::Damage(_) if !frames.is_empty() => break,
                Found::Damage(end) => self.step_over(end, 1, &mut lost),
            };
            at = next;
        }
        (frames, lost)
    }

    /// Reads so many of the frames that were lent once more.
    pub(crate) fn lent(&mut self, count: usize) -> Vec<Frame> {
        let places: Vec<Place> = self.lent.iter().take(count).copied().collect();
        places.into_iter().filter_map(|place| self.read(place)).collect()
    }

    /// Marks so many of the frames that were lent as arrived; the others wait as before.
    pub(crate) fn arrived(&mut self, count: usize) {
        for place in std::mem::take(&mut self.lent).into_iter().take(count) {
            // If this fails, a frame is sent twice after a restart: better than not at all.
            let _ = self.mark(place);
            self.at = place.end();
        }
    }

    /// Counts the items that wait. Of bytes that can't be read it is known only that they were at least one.
    pub(crate) fn items(&mut self) -> u64 {
        let (mut items, mut at) = (0, self.at);
        loop {
            match self.find(at) {
                Found::End => return items,
                Found::Damage(end) => {
                    items += 1;
                    at = end;
                }
                Found::Frame(place) => {
                    items += if place.head.is_sent { 0 } else { u64::from(place.head.items) };
                    at = place.end();
                }
            }
        }
    }

    /// Deletes the file.
    pub(crate) fn delete(self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Goes on behind bytes that can't be read, and returns where that is.
    fn step_over(&mut self, end: u64, items: u64, lost: &mut u64) -> u64 {
        self.is_damaged = true;
        self.at = end;
        *lost += items;
        end
    }

    fn mark(&mut self, place: Place) -> io::Result<()> {
        let file = self.file()?;
        file.seek(SeekFrom::Start(place.at + head::MARK_AT))?;
        file.write_all(&head::SENT)
    }

    fn find(&mut self, at: u64) -> Found {
        match self.head(at) {
            Some(head) if at + head.frame_bytes() <= self.size_bytes => Found::Frame(Place { at, head }),
            head => match self.search(at + 1) {
                Some(next) => Found::Damage(next),
                // Shorter than a head, or less than a head says: its writer died, and nobody was told that it is here.
                None if head.is_some() || self.size_bytes.saturating_sub(at) < head::SIZE as u64 => Found::End,
                None => Found::Damage(self.size_bytes),
            },
        }
    }

    /// Returns where the next head stands of a frame that lies here whole.
    fn search(&mut self, from: u64) -> Option<u64> {
        let mut from = from;
        while from + head::SIZE as u64 <= self.size_bytes {
            let mut window = Vec::with_capacity(SEARCHED_BYTES);
            let file = self.file().ok()?;
            file.seek(SeekFrom::Start(from)).ok()?;
            file.take(SEARCHED_BYTES as u64).read_to_end(&mut window).ok()?;
            if window.len() < head::SIZE {
                return None;
            }
            for (at, _) in window.windows(4).enumerate().filter(|(_, word)| *word == head::MAGIC) {
                let place = from + at as u64;
                if self.head(place).is_some_and(|head| place + head.frame_bytes() <= self.size_bytes) {
                    return Some(place);
                }
            }
            // A word may stand over the end of this window.
            from += (window.len() - 3) as u64;
        }
        None
    }

    fn head(&mut self, at: u64) -> Option<Head> {
        let mut bytes = [0; head::SIZE];
        let file = self.file().ok()?;
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Head::parse(bytes)
    }

    fn read(&mut self, place: Place) -> Option<Frame> {
        let mut bytes = vec![0; place.head.length as usize];
        let file = self.file().ok()?;
        file.seek(SeekFrom::Start(place.at + head::SIZE as u64)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        place.head.fits(&bytes).then_some(Frame { items: place.head.items, bytes })
    }

    fn file(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().read(true).write(true).open(&self.path)?);
        }
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
