//! The folder of one process below that of a destination, held by a lock that ends with the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// So many processes may keep something for one destination at once.
const MOST: u32 = 256;
const SEGMENT: &str = "segment";

/// A folder that nobody else uses.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Takes the first folder below `parent` that no living process has, and what others that have ended left in theirs.
    pub(super) fn take(parent: &Path) -> io::Result<Self> {
        let mut places = (0..MOST).map(|number| parent.join(number.to_string()));
        let own = places.find_map(|path| Self::lock(path).transpose());
        let own = own.unwrap_or_else(|| Err(io::Error::other("too many processes use it at once")))?;
        for path in places.filter(|path| path.is_dir()) {
            if let Some(orphan) = Self::lock(path)? {
                own.adopt(&orphan)?;
            }
        }
        Ok(own)
    }

    /// Returns the files of segments, the oldest first.
    pub(super) fn segments(&self) -> io::Result<Vec<PathBuf>> {
        let paths = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.path()));
        let mut segments: Vec<PathBuf> = paths.collect::<io::Result<_>>()?;
        segments.retain(|path| path.extension().is_some_and(|extension| extension == SEGMENT));
        segments.sort();
        Ok(segments)
    }

    /// Returns the file of a segment.
    pub(super) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:016}.{SEGMENT}"))
    }

    /// Adds bytes to a file that nobody sends. Where that fails, there is no better place for them.
    pub(super) fn set_aside(&self, bytes: &[u8]) {
        let file = OpenOptions::new().create(true).append(true).open(self.path.join("refused"));
        let _ = file.and_then(|mut file| file.write_all(bytes));
    }

    /// Locks a folder, made on first use; nothing where another process has it.
    fn lock(path: PathBuf) -> io::Result<Option<Self>> {
        fs::create_dir_all(&path)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { path, _lock: lock })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn adopt(&self, orphan: &Self) -> io::Result<()> {
        for segment in orphan.segments()? {
            let last = self.segments()?.pop();
            let last = last.and_then(|path| path.file_stem()?.to_str()?.parse().ok()).unwrap_or(0u64);
            let place = self.segment(last + 1);
            // Only how far it was sent may be lost on the way: then its beginning is sent again.
            let _ = fs::rename(segment.with_extension("sent"), place.with_extension("sent"));
            fs::rename(segment, place)?;
        }
        Ok(())
    }
}
