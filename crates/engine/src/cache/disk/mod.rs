//! A cache in a folder, shared by any number of processes.
//!
//! Entries with their small values stand in 64 logs, by the first byte of their signatures; a process reads a log when it
//! first looks something up in it, and later only what was appended. Large values are files of their own, named by their
//! content. Nothing is synced: checksums make what a power cut tore a miss.

mod bytes;
mod log;
mod prune;
mod record;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use super::{Cache, CacheError, CachedOutput, Entry, SignatureStore, unix_now_ns};
use crate::value::KeyDigest;
use log::{Answer, Log};
pub use prune::{DiskLimits, Pruned};
use record::Kind;
use values::Values;

/// What stands in the file `format`.
const FORMAT: &str = "flowglass cache 2\n";
const LOGS: usize = 64;
/// Outputs up to this size lie in their entry's record.
const INLINE_BYTES: usize = 8 * 1024;
/// A use is written down if the last one is longer ago than this.
const USE_GRAIN_NS: i64 = 3_600_000_000_000;
/// Limits are looked after this often.
const PRUNE_EVERY: Duration = Duration::from_secs(3_600);

/// Keeps results in a folder, for any number of processes at once. Cheap to clone: clones are one cache.
///
/// It keeps itself within its [`DiskLimits`]: now and then, while results are written, what wasn't used lately goes.
#[derive(Clone)]
pub struct DiskCache {
    disk: Arc<Disk>,
    limits: DiskLimits,
}

/// An entry of a cache on disk, without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskEntry {
    /// The signature of the computation.
    pub signature: KeyDigest,
    /// What is known of the computation; small outputs are left out.
    pub entry: Entry,
    /// When the entry was last used, in nanoseconds since 1970, to the hour.
    pub used_unix_ns: i64,
    /// How many bytes the entry takes in its log, small outputs included.
    pub record_bytes: u64,
}

/// What there is in a cache on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskStats {
    /// How many entries there are.
    pub entries: u64,
    /// How many bytes the logs take, with what was replaced in them.
    pub log_bytes: u64,
    /// How many large values there are.
    pub values: u64,
    /// How many bytes the large values take.
    pub value_bytes: u64,
    /// How long all the computations together took, in nanoseconds.
    pub cost_ns: u64,
    /// How many places of the logs are damaged.
    pub damages: u64,
}

struct Disk {
    folder: PathBuf,
    logs: Vec<Mutex<Log>>,
    values: Values,
    /// How many bytes this process has written since it last looked after the limits.
    written: AtomicU64,
    pruning: Mutex<Option<JoinHandle<()>>>,
}

impl DiskCache {
    /// What the address of a cache on disk begins with.
    pub(crate) const SCHEME: &str = "disk:";

    /// Opens the cache in this folder, making the folder if it isn't there.
    ///
    /// # Errors
    /// If the folder can't be made or read, or if another version of Flowglass has made it.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let folder = folder.into();
        prepare(&folder)?;
        let log = |number: usize| Mutex::new(Log::new(folder.join("entries").join(format!("{number:02x}.log"))));
        let disk = Disk {
            logs: (0..LOGS).map(log).collect(),
            values: Values::new(&folder.join("values")),
            written: AtomicU64::new(u64::MAX),
            pruning: Mutex::new(None),
            folder,
        };
        Ok(Self { disk: Arc::new(disk), limits: DiskLimits::default() })
    }

    /// Sets how much the cache may keep. The default is 10 GiB, and 90 days since the last use.
    #[must_use]
    pub fn limits(mut self, limits: DiskLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the cache's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.disk.folder
    }

    /// Lists all entries, the one that was stored last first.
    ///
    /// # Errors
    /// If the cache can't be read.
    pub fn entries(&self) -> Result<Vec<DiskEntry>, CacheError> {
        let mut entries = Vec::new();
        for log in &self.disk.logs {
            let found = log.lock().entries().map_err(|error| self.error(error))?;
            entries.extend(found.into_iter().map(|(signature, entry, place)| DiskEntry {
                signature,
                entry,
                used_unix_ns: place.used_unix_ns,
                record_bytes: place.length(),
            }));
        }
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.entry.stored_unix_ns), entry.signature));
        Ok(entries)
    }

    /// Counts what there is.
    ///
    /// # Errors
    /// If the cache can't be read.
    pub fn stats(&self) -> Result<DiskStats, CacheError> {
        let entries = self.entries()?;
        let cost_ns = entries.iter().map(|entry| entry.entry.cost_ns).fold(0, u64::saturating_add);
        let mut stats = DiskStats { entries: entries.len() as u64, cost_ns, ..DiskStats::default() };
        for log in &self.disk.logs {
            let (bytes, damages) = log.lock().state().map_err(|error| self.error(error))?;
            stats.log_bytes += bytes;
            stats.damages += damages;
        }
        for file in self.disk.values.files().map_err(|error| self.error(error))? {
            stats.values += 1;
            stats.value_bytes += file.size_bytes;
        }
        Ok(stats)
    }

    fn log(&self, signature: &KeyDigest) -> &Mutex<Log> {
        &self.disk.logs[usize::from(signature[0]) % LOGS]
    }

    fn error(&self, error: io::Error) -> CacheError {
        CacheError::new(format!("the cache `{}` can't be used", self.disk.folder.display())).with_source(error)
    }

    /// Looks after the limits once in a while: when this process first writes, and when it has written much.
    fn look_after_limits(&self, written: u64) {
        let before = self.disk.written.fetch_add(written, Relaxed);
        let is_first = before == u64::MAX;
        let much = self.limits.max_bytes.map_or(u64::MAX, |max_bytes| (max_bytes / 16).max(1 << 20));
        if !is_first && before.saturating_add(written) < much {
            return;
        }
        self.disk.written.store(0, Relaxed);
        let mut pruning = self.disk.pruning.lock();
        let is_idle = pruning.as_ref().is_none_or(JoinHandle::is_finished);
        if is_idle && (!is_first || claim_turn(&self.disk.folder)) {
            let (folder, limits) = (self.disk.folder.clone(), self.limits);
            let prune = move || drop(Self::open(folder).and_then(|cache| cache.prune(limits)));
            *pruning = thread::Builder::new().name("flowglass-cache".to_owned()).spawn(prune).ok();
        }
    }
}

/// Says whether it is time to look after the limits, and if so that somebody does.
fn claim_turn(folder: &Path) -> bool {
    let marker = folder.join("pruned");
    let last = fs::metadata(&marker).and_then(|metadata| metadata.modified()).ok();
    let age = last.and_then(|last| SystemTime::now().duration_since(last).ok());
    if last.is_some() && age.is_none_or(|age| age < PRUNE_EVERY) {
        return false;
    }
    // A cache that was just made has nothing to prune.
    fs::write(&marker, "").is_ok() && last.is_some()
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A short process would else never get to the end of its turn.
        if let Some(pruning) = self.pruning.get_mut().take() {
            let _ = pruning.join();
        }
    }
}

impl fmt::Debug for DiskCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskCache").field("folder", &self.disk.folder).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl DiskEntry {
    /// The outputs that lie in files of their own.
    fn large_outputs(&self) -> impl Iterator<Item = &CachedOutput> {
        self.entry.outputs.iter().filter(|output| output.size_bytes > INLINE_BYTES as u64)
    }
}

impl From<DiskCache> for Cache {
    fn from(cache: DiskCache) -> Self {
        let values = cache.disk.values.clone();
        Self::new(cache, values)
    }
}

impl SignatureStore for DiskCache {
    fn describe(&self) -> String {
        format!("DiskCache: {}", self.disk.folder.display())
    }

    fn address(&self) -> Option<String> {
        let folder = std::path::absolute(&self.disk.folder).ok()?;
        Some(format!("{}{}", Self::SCHEME, folder.to_str()?))
    }

    fn inline_bytes(&self) -> usize {
        INLINE_BYTES
    }

    fn get(&self, signature: &KeyDigest) -> Result<Option<Arc<Entry>>, CacheError> {
        let mut log = self.log(signature).lock();
        match log.get(signature).map_err(|error| self.error(error))? {
            Answer::Entry(entry, place) => {
                let now = unix_now_ns();
                if now.saturating_sub(place.used_unix_ns) > USE_GRAIN_NS {
                    log.note_use(signature, now);
                    // What can't be noted is at worst evicted too early.
                    let _ = log.append(Kind::Used, signature, &now.to_le_bytes());
                }
                Ok(Some(Arc::new(entry)))
            }
            Answer::Nothing => Ok(None),
            Answer::Damaged => {
                Err(CacheError::new(format!("an entry of the cache `{}` is damaged", self.disk.folder.display())))
            }
        }
    }

    fn put(&self, signature: &KeyDigest, entry: Entry) -> Result<(), CacheError> {
        let body = record::write_entry(&entry);
        if body.len() > record::MAX_BODY_BYTES {
            return Err(CacheError::new(format!("an entry of {} bytes is too large for a cache on disk", body.len())));
        }
        self.log(signature).lock().append(Kind::Entry, signature, &body).map_err(|error| self.error(error))?;
        self.look_after_limits(entry.size_bytes().saturating_add(record::HEADER_BYTES as u64));
        Ok(())
    }

    fn remove(&self, signature: &KeyDigest) -> Result<(), CacheError> {
        self.log(signature).lock().append(Kind::Removed, signature, &[]).map_err(|error| self.error(error))
    }
}

/// Makes the cache's folder, or sees that what is there is a cache of this version.
fn prepare(folder: &Path) -> Result<(), CacheError> {
    let problem = |error: io::Error| {
        CacheError::new(format!("the cache `{}` can't be used; choose another folder", folder.display())).with_source(error)
    };
    fs::create_dir_all(folder).map_err(problem)?;
    let marker = folder.join("format");
    match fs::read_to_string(&marker) {
        Ok(found) if found == FORMAT => Ok(()),
        // Another process is just writing it.
        Ok(found) if FORMAT.starts_with(&found) => fs::write(&marker, FORMAT).map_err(problem),
        Ok(found) => Err(CacheError::new(format!(
            "the cache `{}` was made by another version of Flowglass (`{}`); choose another folder, or remove this one",
            folder.display(),
            found.trim().chars().take(40).collect::<String>(),
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::write(&marker, FORMAT).map_err(problem),
        Err(error) => Err(problem(error)),
    }
}
