//! Texts and byte strings of a batch, each named by a number.

/// A text or byte string in a batch's [`Arena`]. [`Sym::EMPTY`] is the empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sym(pub u32);

impl Sym {
    /// The empty text, in every arena.
    pub const EMPTY: Self = Self(0);
}

/// Texts and byte strings behind each other, named by [`Sym`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arena {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Default for Arena {
    fn default() -> Self {
        Self { bytes: Vec::new(), ends: vec![0] }
    }
}

impl Arena {
    /// Returns how many entries there are, the empty one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether only the empty text is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.len() == 1
    }

    /// Returns how many bytes all entries have together.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the bytes of an entry; none for a name that isn't of this arena.
    #[inline]
    #[must_use]
    pub fn bytes(&self, sym: Sym) -> &[u8] {
        let at = sym.0 as usize;
        let Some(&end) = self.ends.get(at) else { return &[] };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start as usize..end as usize]
    }

    /// Returns how many bytes an entry has, and these with all that stand behind them: where there are enough, a fixed number of
    /// them is copied quicker than just so many.
    #[inline]
    #[must_use]
    pub fn bytes_and_more(&self, sym: Sym) -> (usize, &[u8]) {
        let at = sym.0 as usize;
        let Some(&end) = self.ends.get(at) else { return (0, &[]) };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        ((end - start) as usize, &self.bytes[start as usize..])
    }

    /// Returns the text of an entry; empty if it isn't UTF-8.
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        std::str::from_utf8(self.bytes(sym)).unwrap_or_default()
    }

    /// Adds an entry behind the others. An entry that would pass 4 GiB in all becomes the empty one.
    pub fn push(&mut self, bytes: &[u8]) -> Sym {
        let (Ok(end), Ok(sym)) = (u32::try_from(self.bytes.len() + bytes.len()), u32::try_from(self.ends.len())) else {
            return Sym::EMPTY;
        };
        self.bytes.extend_from_slice(bytes);
        self.ends.push(end);
        Sym(sym)
    }

    /// Returns the same entries, some of them changed: what they are to become comes from `change`, asked in their order.
    #[must_use]
    pub(crate) fn changed(&self, mut change: impl FnMut(Sym) -> Option<Vec<u8>>) -> Self {
        let mut changed = Self { bytes: Vec::with_capacity(self.bytes.len()), ends: Vec::with_capacity(self.ends.len()) };
        for sym in (0..self.ends.len()).filter_map(|at| u32::try_from(at).ok()).map(Sym) {
            match change(sym) {
                Some(bytes) => changed.bytes.extend_from_slice(&bytes),
                None => changed.bytes.extend_from_slice(self.bytes(sym)),
            }
            changed.ends.push(u32::try_from(changed.bytes.len()).unwrap_or(u32::MAX));
        }
        changed
    }
}
