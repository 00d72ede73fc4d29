//! Which entries of a cache on disk go, and how: by age, by expiry, by size; the least lately used first.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::Duration;

use super::{DiskCache, DiskEntry};
use crate::cache::{CacheError, nanoseconds, unix_now_ns};
use crate::value::KeyDigest;

/// How much a cache on disk may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLimits {
    /// How many bytes all entries and values may take.
    pub max_bytes: Option<u64>,
    /// For how long an entry is kept that nobody uses.
    pub max_age: Option<Duration>,
}

impl Default for DiskLimits {
    /// 10 GiB, and 90 days since the last use.
    fn default() -> Self {
        Self { max_bytes: Some(10 << 30), max_age: Some(Duration::from_secs(90 * 24 * 3_600)) }
    }
}

/// What pruning did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// How many entries went.
    pub entries: u64,
    /// How many bytes less the cache takes.
    pub freed_bytes: u64,
}

impl DiskCache {
    /// Removes entries that have expired, that nobody has used for longer than `max_age`, and then, the least lately used
    /// first, as many as it takes to come under `max_bytes`; besides, values that no entry names. Runs that use the cache
    /// meanwhile go on: what they can't load any more they compute.
    ///
    /// # Errors
    /// If the cache can't be read or written.
    pub fn prune(&self, limits: DiskLimits) -> Result<Pruned, CacheError> {
        let entries = self.entries()?;
        let mut ledger = Ledger::of(&entries);
        let goes = choose(&entries, limits, unix_now_ns(), &mut ledger);
        let mut pruned = Pruned { entries: goes.len() as u64, freed_bytes: 0 };
        for log in &self.disk.logs {
            pruned.freed_bytes +=
                log.lock().rewrite(|signature| !goes.contains(signature)).map_err(|error| self.error(error))?;
        }
        for file in self.disk.values.files().map_err(|error| self.error(error))? {
            let is_named = file.digest.is_some_and(|digest| ledger.names(&digest));
            let was_named = file.digest.is_some_and(|digest| ledger.named(&digest));
            if !is_named && (was_named || !file.is_young) && fs::remove_file(&file.path).is_ok() {
                pruned.freed_bytes += file.size_bytes;
            }
        }
        Ok(pruned)
    }

    /// Removes everything.
    ///
    /// # Errors
    /// If the cache can't be read or written.
    pub fn clear(&self) -> Result<Pruned, CacheError> {
        let mut pruned = Pruned { entries: self.entries()?.len() as u64, freed_bytes: 0 };
        for log in &self.disk.logs {
            pruned.freed_bytes += log.lock().rewrite(|_| false).map_err(|error| self.error(error))?;
        }
        for file in self.disk.values.files().map_err(|error| self.error(error))? {
            if fs::remove_file(&file.path).is_ok() {
                pruned.freed_bytes += file.size_bytes;
            }
        }
        Ok(pruned)
    }
}

/// Chooses the entries that go, and crosses them out of the ledger.
fn choose(entries: &[DiskEntry], limits: DiskLimits, now_unix_ns: i64, ledger: &mut Ledger) -> HashSet<KeyDigest> {
    let max_age_ns = limits.max_age.map(nanoseconds);
    let is_over = |entry: &DiskEntry| {
        let is_old = max_age_ns.is_some_and(|age| entry.used_unix_ns.saturating_add_unsigned(age) <= now_unix_ns);
        is_old || entry.entry.is_expired(None, now_unix_ns)
    };
    let (mut goes, mut stays): (Vec<&DiskEntry>, Vec<&DiskEntry>) = entries.iter().partition(|entry| is_over(entry));
    goes.iter().for_each(|entry| ledger.cross_out(entry));
    stays.sort_by_key(|entry| (entry.used_unix_ns, entry.signature));
    for entry in stays {
        if limits.max_bytes.is_none_or(|max_bytes| ledger.bytes <= max_bytes) {
            break;
        }
        ledger.cross_out(entry);
        goes.push(entry);
    }
    goes.into_iter().map(|entry| entry.signature).collect()
}

/// How much the entries take, where several may name one value.
struct Ledger {
    bytes: u64,
    /// How many entries name a value.
    names: HashMap<KeyDigest, u64>,
}

impl Ledger {
    fn of(entries: &[DiskEntry]) -> Self {
        let mut ledger = Self { bytes: 0, names: HashMap::new() };
        for entry in entries {
            ledger.bytes += entry.record_bytes;
            for output in entry.large_outputs() {
                let names = ledger.names.entry(output.digest).or_default();
                *names += 1;
                ledger.bytes += if *names == 1 { output.size_bytes } else { 0 };
            }
        }
        ledger
    }

    fn cross_out(&mut self, entry: &DiskEntry) {
        self.bytes -= entry.record_bytes;
        for output in entry.large_outputs() {
            if let Some(names) = self.names.get_mut(&output.digest) {
                *names -= 1;
                self.bytes -= if *names == 0 { output.size_bytes } else { 0 };
            }
        }
    }

    /// Whether an entry that stays names the value.
    fn names(&self, digest: &KeyDigest) -> bool {
        self.names.get(digest).is_some_and(|names| *names > 0)
    }

    /// Whether an entry named the value before pruning.
    fn named(&self, digest: &KeyDigest) -> bool {
        self.names.contains_key(digest)
    }
}
