//! Frames that wait in a folder: which segment is read, which is written, and what goes where there is no room.

use std::collections::VecDeque;
use std::io;
use std::path::Path;

use crate::folder::Folder;
use crate::head::Head;
use crate::segment::Segment;

/// A segment that is as large gets no more frames.
const SEGMENT_BYTES: u64 = 8 << 20;

/// Some bytes that wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// How many items they hold, by which they are counted when they are lost.
    pub items: u32,
    /// What was pushed.
    pub bytes: Vec<u8>,
}

/// What becomes of a frame for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is refused: who brings it keeps it, and may come again.
    Refuse,
    /// The oldest segments go and are counted in [`Spool::take_lost`].
    DropOldest,
}

/// Frames that wait in a folder, in the order in which they came.
#[derive(Debug)]
pub struct Spool {
    folder: Folder,
    most_bytes: u64,
    when_full: WhenFull,
    segments: VecDeque<Segment>,
    /// Whether frames of the first segment are on their way.
    is_lent: bool,
    lost: u64,
    /// The number of the segment that was made last.
    last: u64,
}

impl Spool {
    /// Opens the folder of a destination, made on first use, for up to `most_bytes` that wait. What earlier processes left in it waits
    /// again.
    ///
    /// # Errors
    /// The folder can't be made, read or locked, or 256 living processes use it already.
    pub fn open(folder: &Path, most_bytes: u64, when_full: WhenFull) -> io::Result<Self> {
        let folder = Folder::take(folder)?;
        let numbers = folder.segments()?;
        let last = numbers.last().copied().unwrap_or_default();
        let mut segments = VecDeque::new();
        for number in numbers {
            let mut segment = Segment::found(number, folder.segment(number))?;
            if segment.is_over() {
                segment.delete();
            } else {
                segment.rest();
                segments.push_back(segment);
            }
        }
        Ok(Self { folder, most_bytes, when_full, segments, is_lent: false, lost: 0, last })
    }

    /// Says whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns how much waits, in bytes: whole segments, also where some of their frames have arrived.
    #[must_use]
    pub fn waiting_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::size_bytes).sum()
    }

    /// Returns how much may wait, in bytes.
    #[must_use]
    pub const fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// Returns the folder that this process has below that of the destination.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a frame behind the others. It survives the end of this process; that of the machine once it is [flushed](Self::flush).
    ///
    /// # Errors
    /// There is no room for it ([`io::ErrorKind::StorageFull`]), or it can't be written; the others stay.
    pub fn push(&mut self, items: u32, bytes: &[u8]) -> io::Result<()> {
        let head = Head::of(items, bytes).ok_or(io::ErrorKind::FileTooLarge)?;
        self.make_room(head.frame_bytes())?;
        let most_bytes = SEGMENT_BYTES.min(self.most_bytes / 4);
        if self.segments.back().is_none_or(|last| !last.takes_more(most_bytes)) {
            self.last += 1;
            self.segments.push_back(Segment::create(self.last, self.folder.segment(self.last))?);
        }
        self.segments.back_mut().map_or(Ok(()), |segment| segment.push(head, bytes))
    }

    /// Flushes to the disk what was pushed.
    ///
    /// # Errors
    /// The disk says so; then it isn't certain that the last frames survive a power cut.
    pub fn flush(&mut self) -> io::Result<()> {
        let mut is_new = false;
        for segment in &mut self.segments {
            is_new |= segment.flush()?;
        }
        if is_new { self.folder.flush() } else { Ok(()) }
    }

    /// Lends up to so many of the first frames, but not of two segments at once. They stay until they have [`arrived`](Self::arrived),
    /// are [refused](Self::refuse) or [given back](Self::give_back), and until then none of them is dropped.
    pub fn lend(&mut self, most: usize) -> Vec<Frame> {
        self.is_lent = false;
        while let Some(segment) = self.segments.front_mut() {
            let (frames, lost) = segment.lend(most);
            self.lost += lost;
            if !frames.is_empty() {
                self.is_lent = true;
                return frames;
            }
            self.end_first();
        }
        Vec::new()
    }

    /// Notes that so many of the first frames that were lent have arrived; the others wait as before.
    pub fn arrived(&mut self, count: usize) {
        if std::mem::take(&mut self.is_lent)
            && let Some(segment) = self.segments.front_mut()
        {
            segment.arrived(count);
            if segment.is_over() {
                self.end_first();
            }
        }
    }

    /// Notes that the frames that were lent wait as before.
    pub fn give_back(&mut self) {
        self.arrived(0);
    }

    /// Notes that so many of the first frames that were lent will never be taken by anybody: they count as lost, and lie in a file for
    /// people to look at, as long as there is room.
    pub fn refuse(&mut self, count: usize) {
        let segment = self.segments.front_mut().filter(|_| self.is_lent);
        for frame in segment.map(|segment| segment.lent(count)).unwrap_or_default() {
            self.set_aside(&frame);
            self.lost += u64::from(frame.items);
        }
        self.arrived(count);
    }

    /// Returns how many items were lost since this was asked last: dropped for lack of room, refused, or not readable. Bytes that
    /// can't be read at all count as one.
    pub fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn make_room(&mut self, bytes: u64) -> io::Result<()> {
        let mut waiting = self.waiting_bytes();
        let may_drop = self.when_full == WhenFull::DropOldest && bytes <= self.most_bytes;
        while waiting.saturating_add(bytes) > self.most_bytes {
            let oldest = if may_drop { self.segments.remove(usize::from(self.is_lent)) } else { None };
            let Some(mut oldest) = oldest else {
                let message = format!("{waiting} bytes wait already, no more than {} may", self.most_bytes);
                return Err(io::Error::new(io::ErrorKind::StorageFull, message));
            };
            waiting -= oldest.size_bytes();
            self.lost += oldest.items();
            oldest.delete();
        }
        Ok(())
    }

    fn set_aside(&self, frame: &Frame) {
        if let Some(head) = Head::of(frame.items, &frame.bytes)
            && self.has_room_aside(head.frame_bytes())
        {
            self.folder.set_aside(&[&head.to_bytes(), frame.bytes.as_slice()].concat());
        }
    }

    fn has_room_aside(&self, bytes: u64) -> bool {
        self.folder.aside_bytes().saturating_add(bytes) <= self.most_bytes
    }

    /// Takes the first segment away, in which nothing waits.
    fn end_first(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            if segment.is_damaged() && self.has_room_aside(segment.size_bytes()) {
                self.folder.set_segment_aside(segment.number());
            } else {
                segment.delete();
            }
        }
    }
}
