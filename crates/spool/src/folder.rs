//! The folder of one process below that of a destination, held by a lock that ends with the process.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// So many processes may keep something for one destination at once.
const MOST: u32 = 256;
const SEGMENT: &str = "frames";
const ASIDE: &str = "aside";

/// Returns how much lies in the folder of a destination, left by whatever processes, in bytes: nothing where there is no folder. What has
/// arrived counts until its segment is deleted.
#[must_use]
pub fn waiting_in(destination: &Path) -> u64 {
    let is_segment = |path: &Path| path.extension().is_some_and(|extension| extension == SEGMENT);
    let files = paths_in(destination).flat_map(|place| paths_in(&place)).filter(|path| is_segment(path));
    files.filter_map(|file| Some(fs::metadata(file).ok()?.len())).sum()
}

fn paths_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// A folder that nobody else uses.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Folder {
    /// Takes the first folder below `parent` that no living process has, and what others that have ended left in theirs.
    pub(crate) fn take(parent: &Path) -> io::Result<Self> {
        let own = (0..MOST).find_map(|number| Self::lock(parent.join(number.to_string())).transpose());
        let own = own.unwrap_or_else(|| Err(io::Error::other("too many processes use it at once")))?;
        for entry in fs::read_dir(parent)? {
            let path = entry?.path();
            let is_place =
                path.file_name().and_then(|name| name.to_str()?.parse().ok()).is_some_and(|number: u32| number < MOST);
            if is_place
                && path != own.path
                && let Some(orphan) = Self::lock(path)?
            {
                own.adopt(&orphan)?;
            }
        }
        Ok(own)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the numbers of segments, the oldest first.
    pub(crate) fn segments(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            // Only names that are written here: `1.frames` is somebody else's.
            numbers.extend(number.filter(|number| self.segment(*number) == path));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Returns the file of a segment.
    pub(crate) fn segment(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:016}.{SEGMENT}"))
    }

    /// Returns how many bytes lie here for people to look at.
    pub(crate) fn aside_bytes(&self) -> u64 {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let aside = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == ASIDE));
        aside.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// Lets the file of a segment lie for people to look at. It stays a segment where that fails, and is looked at again.
    pub(crate) fn set_segment_aside(&self, number: u64) {
        let segment = self.segment(number);
        let free = (0..u32::MAX).map(|copy| self.path.join(format!("{number:016}-{copy}.{ASIDE}"))).find(|path| !path.exists());
        let _ = free.map(|place| fs::rename(segment, place));
    }

    /// Adds bytes to a file for people to look at. Where that fails, there is no better place for them.
    pub(crate) fn set_aside(&self, bytes: &[u8]) {
        let file = OpenOptions::new().create(true).append(true).open(self.path.join(format!("refused.{ASIDE}")));
        let _ = file.and_then(|mut file| file.write_all(bytes));
    }

    /// Lets files that were made here survive a power cut, where a folder can be flushed.
    pub(crate) fn flush(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.path)?.sync_all() } else { Ok(()) }
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
        let last = self.segments()?.pop().unwrap_or_default();
        for (place, segment) in (last + 1..).zip(orphan.segments()?) {
            fs::rename(orphan.segment(segment), self.segment(place))?;
        }
        Ok(())
    }
}
