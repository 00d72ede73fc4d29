//! How much a request may ask of its reader.

/// How much a request may ask of its reader. What goes beyond is rejected, never allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a request, decompressed; 64 MiB unless told.
    pub bytes: usize,
    /// The most spans, events, links and attributes of a request together; 4,000,000 unless told.
    pub rows: usize,
}

/// How deep lists and maps may lie in one another. Texts of such values are read back by a parser with a limit of its own.
pub(crate) const DEPTH: usize = 32;

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 64 << 20, rows: 4_000_000 }
    }
}
