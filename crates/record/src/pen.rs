//! What writes one record into a chunk's free memory: a place and an end.
#![expect(unsafe_code, reason = "one comparison for each group of words is all that the hot path can afford")]

/// Writes one record. What doesn't fit isn't written and gives `None`, whereupon the record is given up.
#[derive(Debug)]
pub(crate) struct Pen {
    start: *mut u64,
    next: *mut u64,
    end: *mut u64,
    text_limit: usize,
    truncated: u8,
}

impl Pen {
    /// Makes a pen for the words from `next` to `end`, and for texts of at most `text_limit` bytes.
    ///
    /// # Safety
    /// Both point into or behind the same memory, `next` not behind `end`; and while the pen lives, nobody else touches
    /// the words between.
    #[inline(always)]
    pub(crate) const unsafe fn new(next: *mut u64, end: *mut u64, text_limit: usize) -> Self {
        Self { start: next, next, end, text_limit, truncated: 0 }
    }

    /// Writes words.
    #[inline(always)]
    pub(crate) fn push<const N: usize>(&mut self, words: [u64; N]) -> Option<()> {
        let slots = self.take(N)?;
        // SAFETY: `take` gave room for N words.
        unsafe { slots.cast::<[u64; N]>().write(words.map(u64::to_le)) };
        Some(())
    }

    /// Leaves room for the record's first word, which is known last, in front of others.
    #[inline(always)]
    pub(crate) fn begin<const N: usize>(&mut self, behind: [u64; N]) -> Option<()> {
        let slots = self.take(1 + N)?;
        // SAFETY: `take` gave room for N words behind the first.
        unsafe { slots.add(1).cast::<[u64; N]>().write(behind.map(u64::to_le)) };
        Some(())
    }

    /// Writes the record's first word, for which there is room since the record began.
    #[inline(always)]
    pub(crate) fn finish(&mut self, first: u64) {
        if self.start != self.next {
            // SAFETY: a word was taken there, of memory that is the pen's.
            unsafe { self.start.write(first.to_le()) };
        }
    }

    /// Changes the record's first word, which was written before the others.
    #[inline(always)]
    pub(crate) fn change_first(&mut self, change: impl FnOnce(u64) -> u64) {
        if self.start != self.next {
            // SAFETY: a word was written there, of memory that is the pen's.
            unsafe { self.start.write(change(u64::from_le(self.start.read())).to_le()) };
        }
    }

    /// Begins a record behind what was written.
    pub(crate) const fn start_here(&mut self) {
        self.start = self.next;
    }

    /// Begins the record once more.
    pub(crate) const fn restart(&mut self) {
        self.next = self.start;
        self.truncated = 0;
    }

    /// Writes bytes, which take whole words; what lies behind them in the last one has no meaning.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let slots = self.take(bytes.len().div_ceil(8))?;
        // SAFETY: `take` gave room for as many words as the bytes fill, and its memory is nobody else's.
        unsafe { copy(bytes, slots.cast()) };
        Some(())
    }

    /// Returns as much of a text as a record may hold, and counts if that isn't all.
    pub(crate) fn fit_text<'t>(&mut self, text: &'t str) -> &'t str {
        if text.len() <= self.text_limit {
            return text;
        }
        self.count_truncated();
        &text[..text.floor_char_boundary(self.text_limit)]
    }

    /// Returns as many of the bytes as a record may hold, and counts if that aren't all.
    pub(crate) fn fit_bytes<'t>(&mut self, bytes: &'t [u8]) -> &'t [u8] {
        if bytes.len() <= self.text_limit {
            return bytes;
        }
        self.count_truncated();
        &bytes[..self.text_limit]
    }

    /// Returns how many values were cut off or left out.
    #[inline(always)]
    pub(crate) const fn truncated(&self) -> u8 {
        self.truncated
    }

    /// Returns how many words are written.
    #[inline(always)]
    pub(crate) fn used(&self) -> usize {
        (self.next.addr() - self.start.addr()) / size_of::<u64>()
    }

    /// Returns where the next word goes.
    #[inline(always)]
    pub(crate) const fn place(&self) -> *mut u64 {
        self.next
    }

    fn count_truncated(&mut self) {
        self.truncated = self.truncated.saturating_add(1);
    }

    /// Returns room for so many words.
    #[inline(always)]
    fn take(&mut self, words: usize) -> Option<*mut u64> {
        if words * size_of::<u64>() > self.end.addr() - self.next.addr() {
            return None;
        }
        let slots = self.next;
        // SAFETY: as many words lie between `next` and `end`, which are of one memory.
        self.next = unsafe { slots.add(words) };
        Some(slots)
    }
}

/// Copies bytes, by hand where they are few: a call takes longer than the record. Two copies that overlap are cheaper than
/// one of a length that isn't known.
///
/// # Safety
/// There must be room for the bytes, apart from them.
#[inline(always)]
pub(crate) unsafe fn copy(bytes: &[u8], room: *mut u8) {
    // SAFETY: the caller grants room.
    unsafe {
        if bytes.len() > 32 {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), room, bytes.len());
        } else {
            copy_short(bytes, room);
        }
    }
}

/// As [`copy`], of at most 32 bytes.
///
/// # Safety
/// As for [`copy`].
#[inline(always)]
pub(crate) unsafe fn copy_short(bytes: &[u8], room: *mut u8) {
    // SAFETY: each copies to a place where the caller grants room for it: in front, or so that it ends where the bytes do.
    unsafe {
        let _ = copy_ends::<8>(bytes, room)
            || copy_ends::<16>(bytes, room)
            || copy_ends::<4>(bytes, room)
            || copy_ends::<2>(bytes, room)
            || copy_ends::<1>(bytes, room);
    }
}

/// Copies bytes as their first and their last N, if those are all of them.
///
/// # Safety
/// As for [`copy`].
#[inline(always)]
unsafe fn copy_ends<const N: usize>(bytes: &[u8], room: *mut u8) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else { return false };
    if bytes.len() > 2 * N {
        return false;
    }
    // SAFETY: there is room for as many bytes as there are.
    unsafe {
        room.cast::<[u8; N]>().write_unaligned(*first);
        room.add(bytes.len() - N).cast::<[u8; N]>().write_unaligned(*last);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(words: &mut [u64], write: impl FnOnce(&mut Pen)) -> usize {
        let range = words.as_mut_ptr_range();
        // SAFETY: the words are borrowed as long as the pen lives.
        let mut pen = unsafe { Pen::new(range.start, range.end, 4) };
        write(&mut pen);
        pen.used()
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let mut words = [7; 2];
        let used = written(&mut words, |pen| {
            assert!(pen.push([1]).is_some());
            assert!(pen.bytes(&[1; 24]).is_none() && pen.push([2, 3]).is_none() && pen.bytes(&[1; 9]).is_none());
        });
        assert_eq!((used, words), (1, [1, 7]));
        assert_eq!(written(&mut [], |pen| assert!(pen.push([1]).is_none())), 0);
    }

    #[test]
    fn the_first_word_is_written_last() {
        let mut words = [7; 2];
        assert_eq!(written(&mut words, |pen| pen.finish(1)), 0);
        assert_eq!(words, [7, 7], "only if there is one");
        let used = written(&mut words, |pen| {
            assert!(pen.begin([1, 2]).is_none());
            pen.begin([2]).unwrap();
            pen.finish(1);
        });
        assert_eq!((used, words), (2, [1, 2]));
    }

    #[test]
    fn bytes_of_every_length_come_back() {
        let bytes: Vec<u8> = (1..=50).collect();
        for length in 0..=bytes.len() {
            let mut words = [u64::MAX; 8];
            let used = written(&mut words, |pen| pen.bytes(&bytes[..length]).unwrap());
            assert_eq!(used, length.div_ceil(8));
            let read: Vec<u8> = words[..used].iter().flat_map(|word| word.to_ne_bytes()).collect();
            assert_eq!(&read[..length], &bytes[..length]);
            assert!(words[used..].iter().all(|word| *word == u64::MAX), "nothing behind them");
        }
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        written(&mut [], |pen| {
            assert_eq!(pen.fit_text("abcü"), "abc");
            assert_eq!(pen.fit_text("abcd"), "abcd");
            assert_eq!(pen.fit_bytes(&[0; 9]).len(), 4);
            assert_eq!(pen.truncated(), 2);
        });
    }
}
