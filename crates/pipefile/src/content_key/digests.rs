//! Digests of files, remembered while the files look unchanged from outside.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::mtime_ns;

/// Smaller files are read each time: that is as fast as remembering them.
const LEAST_BYTES: u64 = 64 * 1024;
/// Clocks of file systems are coarse: a file that changed this recently may change again and look the same.
const RACY_NS: i64 = 2_000_000_000;
const MOST_ENTRIES: usize = 100_000;

/// What a file looked like from outside when its digest was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestEntry {
    /// The file, absolute.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When its content was last written, in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// When anything of it was last changed, in nanoseconds since 1970.
    pub ctime_ns: i64,
    /// Its number in the file system.
    pub inode: u64,
    /// The BLAKE3 digest of its bytes.
    pub digest: [u8; 32],
}

impl DigestEntry {
    fn new(path: &Path, found: &Metadata, digest: [u8; 32]) -> Self {
        let ctime_ns = found.ctime().saturating_mul(1_000_000_000).saturating_add(found.ctime_nsec());
        let (size_bytes, mtime_ns, inode) = (found.size(), mtime_ns(found), found.ino());
        Self { path: path.to_owned(), size_bytes, mtime_ns, ctime_ns, inode, digest }
    }

    fn looks_like(&self, other: &Self) -> bool {
        (self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode)
            == (other.size_bytes, other.mtime_ns, other.ctime_ns, other.inode)
    }
}

/// Digests of files that were read before. Where it is kept between processes is the caller's choice.
#[derive(Debug, Default)]
pub struct FileDigests {
    known: Mutex<HashMap<PathBuf, DigestEntry>>,
}

impl FileDigests {
    /// Returns what is worth keeping for the next process, in the order of the paths.
    #[must_use]
    pub fn entries(&self) -> Vec<DigestEntry> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries: Vec<DigestEntry> = known.values().cloned().collect();
        entries.sort_by(|left, right| left.path.cmp(&right.path));
        entries
    }

    /// Returns the digest of a file's bytes: the remembered one if the file looks the same, else by reading it.
    pub(super) fn digest(&self, path: &Path, found: &Metadata) -> io::Result<[u8; 32]> {
        self.digest_at(path, found, unix_now_ns())
    }

    fn digest_at(&self, path: &Path, found: &Metadata, now_ns: i64) -> io::Result<[u8; 32]> {
        if found.size() < LEAST_BYTES {
            return hash_file(path).map(|(digest, _)| digest);
        }
        let seen = DigestEntry::new(path, found, [0; 32]);
        if let Some(digest) = self.remembered(&seen) {
            return Ok(digest);
        }
        let (digest, after) = hash_file(path)?;
        let entry = DigestEntry::new(path, &after, digest);
        let is_settled = entry.looks_like(&seen) && entry.mtime_ns.max(entry.ctime_ns) < now_ns - RACY_NS;
        if is_settled {
            self.remember(entry);
        }
        Ok(digest)
    }

    fn remembered(&self, seen: &DigestEntry) -> Option<[u8; 32]> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&seen.path).filter(|entry| entry.looks_like(seen)).map(|entry| entry.digest)
    }

    fn remember(&self, entry: DigestEntry) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_ENTRIES || known.contains_key(&entry.path) {
            known.insert(entry.path.clone(), entry);
        }
    }
}

impl FromIterator<DigestEntry> for FileDigests {
    fn from_iter<I: IntoIterator<Item = DigestEntry>>(entries: I) -> Self {
        let known = entries.into_iter().take(MOST_ENTRIES).map(|entry| (entry.path.clone(), entry)).collect();
        Self { known: Mutex::new(known) }
    }
}

/// Reads a file; returns its digest and what it looks like from outside afterwards.
fn hash_file(path: &Path) -> io::Result<([u8; 32], Metadata)> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&mut file)?;
    Ok((hasher.finalize().into(), file.metadata()?))
}

fn unix_now_ns() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    const LATER_NS: i64 = i64::MAX;

    struct Big {
        _folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Big {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("big");
            std::fs::write(&path, vec![b'a'; 100_000]).unwrap();
            Self { _folder: folder, path }
        }

        fn overwrite(&self) {
            let mut file = File::options().write(true).open(&self.path).unwrap();
            file.rewind().unwrap();
            file.write_all(b"b").unwrap();
        }

        fn digest(&self, digests: &FileDigests, now_ns: i64) -> [u8; 32] {
            digests.digest_at(&self.path, &self.path.metadata().unwrap(), now_ns).unwrap()
        }
    }

    #[test]
    fn a_settled_file_is_read_once() {
        let (big, digests) = (Big::new(), FileDigests::default());
        let digest = big.digest(&digests, LATER_NS);
        assert_eq!(digest, <[u8; 32]>::from(blake3::hash(&[b'a'; 100_000])));
        let mut entries = digests.entries();
        assert_eq!(entries.len(), 1);
        // A remembered digest is taken as it is: this one could only come from the memory.
        entries[0].digest = [7; 32];
        let reloaded: FileDigests = entries.into_iter().collect();
        assert_eq!(big.digest(&reloaded, LATER_NS), [7; 32]);
        big.overwrite();
        std::fs::write(&big.path, "short").unwrap();
        assert_ne!(big.digest(&reloaded, LATER_NS), [7; 32]);
    }

    #[test]
    fn a_file_that_just_changed_is_not_trusted() {
        let (big, digests) = (Big::new(), FileDigests::default());
        let before = big.digest(&digests, unix_now_ns());
        assert!(digests.entries().is_empty());
        big.overwrite();
        assert_ne!(big.digest(&digests, unix_now_ns()), before);
    }

    #[test]
    fn entries_can_be_kept() {
        let (big, digests) = (Big::new(), FileDigests::default());
        big.digest(&digests, LATER_NS);
        let stored = rmp_serde::to_vec(&digests.entries()).unwrap();
        assert_eq!(rmp_serde::from_slice::<Vec<DigestEntry>>(&stored).unwrap(), digests.entries());
    }
}
