//! A cache in a folder, shared by any number of processes.
//!
//! An entry is one file named by its signature: `entries/ab/cdef…`, with what is known of the computation and its small
//! outputs inline. Larger outputs are files of their own, named by their content: `values/ab/cdef…`. Files are written
//! beside their place and renamed into it, so a reader sees a whole file or none; nothing is synced, and a checksum makes
//! a file torn by a power cut a miss.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::{Cache, CacheError, Entry, Load, NewEntry};
use crate::value::KeyDigest;

/// Outputs up to this size lie in their entry's file.
const INLINE_BYTES: usize = 16 * 1024;

const MAGIC: &[u8; 8] = b"FLGWENT1";

/// Keeps results in a folder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DiskCache {
    folder: Arc<Path>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    cost_ns: u64,
    parts: Vec<(String, KeyDigest)>,
    outputs: Vec<StoredOutput>,
}

#[derive(Serialize, Deserialize)]
enum StoredOutput {
    Inline(Vec<u8>),
    File { digest: KeyDigest, size_bytes: u64 },
}

impl DiskCache {
    /// Opens the cache in this folder, making the folder if it isn't there.
    ///
    /// # Errors
    /// If the folder can't be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let folder = folder.into();
        for part in ["entries", "values"] {
            fs::create_dir_all(folder.join(part)).map_err(|error| {
                CacheError::new(format!("the cache `{}` can't be used; choose another with --cache", folder.display()))
                    .with_source(error)
            })?;
        }
        Ok(Self { folder: folder.into() })
    }

    /// Returns the cache's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, part: &str, digest: &KeyDigest) -> PathBuf {
        let name = blake3::Hash::from_bytes(*digest).to_hex();
        let (shelf, rest) = name.split_at(2);
        let mut path = self.folder.join(part);
        path.push(shelf);
        path.push(rest);
        path
    }

    fn read(&self, signature: &KeyDigest) -> Option<Stored> {
        let bytes = fs::read(self.path("entries", signature)).ok()?;
        let body = bytes.strip_prefix(MAGIC)?;
        let (checksum, body) = body.split_at_checked(16)?;
        (checksum == &blake3::hash(body).as_bytes()[..16]).then_some(())?;
        rmp_serde::from_slice(body).ok()
    }

    fn loader(&self, output: StoredOutput) -> Option<Box<dyn Load>> {
        match output {
            StoredOutput::Inline(bytes) => Some(Box::new(Inline(bytes))),
            StoredOutput::File { digest, size_bytes } => {
                let path = self.path("values", &digest);
                // A missing or short file is seen now, while the node can still be computed.
                (fs::metadata(&path).ok()?.len() == size_bytes).then_some(())?;
                Some(Box::new(File { path, digest }))
            }
        }
    }

    fn store_output(&self, bytes: &[u8]) -> Result<StoredOutput, CacheError> {
        if bytes.len() <= INLINE_BYTES {
            return Ok(StoredOutput::Inline(bytes.to_vec()));
        }
        let digest = *blake3::hash(bytes).as_bytes();
        let size_bytes = bytes.len() as u64;
        let path = self.path("values", &digest);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == size_bytes) {
            return Ok(StoredOutput::File { digest, size_bytes });
        }
        write_whole(&path, &[bytes])?;
        Ok(StoredOutput::File { digest, size_bytes })
    }
}

impl Cache for DiskCache {
    fn describe(&self) -> String {
        format!("DiskCache: {}", self.folder.display())
    }

    fn get(&self, signature: &KeyDigest) -> Option<Arc<Entry>> {
        let stored = self.read(signature)?;
        let outputs = stored.outputs.into_iter().map(|output| self.loader(output)).collect::<Option<Vec<_>>>()?;
        Some(Arc::new(Entry::new(stored.cost_ns, stored.parts, outputs)))
    }

    fn put(&self, signature: &KeyDigest, entry: NewEntry<'_>) -> Result<(), CacheError> {
        let outputs = entry.outputs.iter().map(|bytes| self.store_output(bytes)).collect::<Result<_, _>>()?;
        let stored = Stored { cost_ns: entry.cost_ns, parts: entry.parts.to_vec(), outputs };
        let body = rmp_serde::to_vec(&stored).map_err(|error| CacheError::new(error.to_string()))?;
        let checksum = blake3::hash(&body);
        write_whole(&self.path("entries", signature), &[MAGIC, &checksum.as_bytes()[..16], &body])
    }
}

struct Inline(Vec<u8>);

impl Load for Inline {
    fn load(&self) -> Result<Vec<u8>, CacheError> {
        Ok(self.0.clone())
    }
}

struct File {
    path: PathBuf,
    digest: KeyDigest,
}

impl Load for File {
    fn load(&self) -> Result<Vec<u8>, CacheError> {
        let lost = |what: &str| {
            // Out of the way, so that the next run computes it again.
            let _ = fs::remove_file(&self.path);
            CacheError::new(format!("a cached value is {what} (`{}`); run again to compute it", self.path.display()))
        };
        let bytes = fs::read(&self.path).map_err(|error| lost("gone").with_source(error))?;
        if blake3::hash(&bytes) == self.digest { Ok(bytes) } else { Err(lost("damaged")) }
    }
}

/// Writes a file beside its place and renames it into it.
fn write_whole(path: &Path, parts: &[&[u8]]) -> Result<(), CacheError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    let bytes = parts.concat();
    let written = fs::write(&temporary, &bytes).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            // The shelf's first file.
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&temporary, &bytes)
        }
        _ => Err(error),
    });
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        let _ = fs::remove_file(&temporary);
        CacheError::new(format!("`{}` can't be written", path.display())).with_source(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, DiskCache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::open(folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    fn put(cache: &DiskCache, signature: u8, outputs: &[Vec<u8>]) {
        cache.put(&[signature; 32], NewEntry { cost_ns: 7, parts: &[("code".into(), [1; 32])], outputs }).unwrap();
    }

    fn load(entry: &Entry, output: usize) -> Result<Vec<u8>, CacheError> {
        entry.outputs[output].load()
    }

    #[test]
    fn small_and_large_outputs_come_back() {
        let (_folder, cache) = cache();
        let large = vec![5; INLINE_BYTES + 1];
        put(&cache, 1, &[b"small".to_vec(), large.clone(), Vec::new()]);
        let entry = cache.get(&[1; 32]).unwrap();
        assert_eq!((entry.cost_ns, entry.outputs(), entry.parts[0].0.as_str()), (7, 3, "code"));
        assert_eq!(load(&entry, 0).unwrap(), b"small");
        assert_eq!(load(&entry, 1).unwrap(), large);
        assert!(cache.get(&[2; 32]).is_none());
    }

    #[test]
    fn a_torn_entry_is_a_miss() {
        let (_folder, cache) = cache();
        put(&cache, 1, &[b"value".to_vec()]);
        let path = cache.path("entries", &[1; 32]);
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(cache.get(&[1; 32]).is_none(), "{length}");
        }
        put(&cache, 1, &[b"value".to_vec()]);
        assert!(cache.get(&[1; 32]).is_some());
    }

    #[test]
    fn a_lost_or_damaged_value_is_a_miss_and_is_repaired() {
        let (_folder, cache) = cache();
        let large = vec![5; INLINE_BYTES + 1];
        put(&cache, 1, std::slice::from_ref(&large));
        let path = cache.path("values", blake3::hash(&large).as_bytes());
        let mut damaged = large.clone();
        damaged[9] ^= 1;
        fs::write(&path, damaged).unwrap();
        let entry = cache.get(&[1; 32]).unwrap();
        assert!(load(&entry, 0).unwrap_err().to_string().contains("damaged"));
        assert!(cache.get(&[1; 32]).is_none());
        put(&cache, 1, std::slice::from_ref(&large));
        assert_eq!(load(&cache.get(&[1; 32]).unwrap(), 0).unwrap(), large);
    }

    #[test]
    fn a_place_that_cannot_be_a_folder_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DiskCache::open(file.path().join("cache")).unwrap_err();
        assert!(error.to_string().contains("can't be used"), "{error}");
    }
}
