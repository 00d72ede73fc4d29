//! Where results are kept between runs: entries by their signatures, large values by their content.

mod disk;
mod entry;
mod error;
pub mod explain;
pub(crate) mod identity;
mod memory;
mod shelf;
mod store;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use disk::{DiskCache, DiskEntry, DiskLimits, DiskStats, Pruned};
pub(crate) use entry::nanoseconds;
pub use entry::{CachedOutput, Entry, Part, PipelineOutputs};
pub use error::CacheError;
pub use memory::MemoryCache;
pub use store::{SignatureStore, ValueStore};

use crate::value::KeyDigest;

/// Where the results of a pipeline are kept. Made of a [`DiskCache`], of a [`MemoryCache`], or of two stores of your own.
/// Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use flowglass_engine::{Cache, MemoryCache};
///
/// let cache = Cache::from(MemoryCache::new()).ttl(Duration::from_secs(3600));
/// assert_eq!(cache.describe(), "MemoryCache");
/// ```
#[derive(Clone)]
pub struct Cache {
    signatures: Arc<dyn SignatureStore>,
    values: Arc<dyn ValueStore>,
    /// Whether all values lie in their entries, so that none can be lost alone.
    is_whole: bool,
    /// Asked once, because it is needed for each item that is handed out.
    address: Option<Arc<str>>,
    ttl: Option<Duration>,
}

/// What a cache says of a signature.
pub(crate) enum Found {
    Hit(Arc<Entry>),
    Miss,
    /// There is an entry, but it or one of its values is damaged, or the store can't be reached.
    Damaged(CacheError),
}

impl Cache {
    /// Makes a cache of a store for entries and one for large values.
    pub fn new(signatures: impl SignatureStore, values: impl ValueStore) -> Self {
        let is_whole = signatures.inline_bytes() == usize::MAX;
        let address = signatures.address().map(Into::into);
        Self { signatures: Arc::new(signatures), values: Arc::new(values), is_whole, address, ttl: None }
    }

    /// Bounds for how long results hold, for nodes that don't say so themselves. By default they hold until something in
    /// their signature changes.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Names the cache for people: `DiskCache: .flowglass/cache`.
    #[must_use]
    pub fn describe(&self) -> String {
        self.signatures.describe()
    }

    /// Returns a text by which another process can open the same cache, if there is one.
    pub(crate) fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// Returns for how long results hold where a node says nothing itself.
    pub(crate) fn default_ttl(&self) -> Option<Duration> {
        self.ttl
    }

    /// Looks for a node's entry with this many outputs that still holds. Its values aren't loaded.
    pub(crate) fn find(&self, signature: &KeyDigest, outputs: usize, ttl: Option<Duration>) -> Found {
        self.find_fitting(signature, ttl, |entry| entry.pipeline.is_none() && entry.outputs.len() == outputs)
    }

    /// Looks for a whole pipeline's entry. Its values aren't loaded.
    pub(crate) fn find_pipeline(&self, signature: &KeyDigest) -> Found {
        self.find_fitting(signature, None, |entry| entry.pipeline.is_some())
    }

    fn find_fitting(&self, signature: &KeyDigest, ttl: Option<Duration>, fits: impl Fn(&Entry) -> bool) -> Found {
        let entry = match self.signatures.get(signature) {
            Ok(Some(entry)) => entry,
            Ok(None) => return Found::Miss,
            Err(error) => return Found::Damaged(error),
        };
        let is_over = ttl.is_some() && entry.is_expired(ttl, unix_now_ns());
        if is_over || !fits(&entry) {
            return Found::Miss;
        }
        let lacks = |output: &CachedOutput| output.inline.is_none() && !self.values.holds(&output.digest, output.size_bytes);
        if !self.is_whole && entry.outputs.iter().any(lacks) {
            return Found::Damaged(CacheError::new(format!("a cached value of `{}` is gone", entry.path)));
        }
        Found::Hit(entry)
    }

    /// Keeps what a computation gave: small outputs in the entry, large ones by their content.
    pub(crate) fn keep(
        &self,
        signature: &KeyDigest,
        mut entry: Entry,
        outputs: Vec<(Vec<u8>, String)>,
    ) -> Result<(), CacheError> {
        for (bytes, type_name) in outputs {
            entry.outputs.push(self.keep_output(bytes, type_name)?);
        }
        self.put(signature, entry)
    }

    /// Keeps an output: small, it is for its entry; large, by its content.
    pub(crate) fn keep_output(&self, bytes: Vec<u8>, type_name: String) -> Result<CachedOutput, CacheError> {
        let output = CachedOutput::of(&bytes, type_name);
        if bytes.len() <= self.inline_bytes() {
            return Ok(output.with_inline(bytes));
        }
        self.values.put(&output.digest, &bytes)?;
        Ok(output)
    }

    /// Makes an output of this cache of what another one has, if that can be done without loading it: it is small, or both keep
    /// large values in one place.
    pub(crate) fn adopt(&self, output: &CachedOutput, from: &Self) -> Option<CachedOutput> {
        match &output.inline {
            Some(bytes) if bytes.len() > self.inline_bytes() => self.keep_output(bytes.clone(), output.type_name.clone()).ok(),
            Some(_) => Some(output.clone()),
            None => self.has_values_of(from).then(|| output.clone()),
        }
    }

    fn has_values_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.values, &other.values)
            || self.address.as_ref().is_some_and(|address| other.address() == Some(address))
    }

    /// Finds a place for the bytes of an output: by their content where they are many and can be kept so, else in its entry.
    pub(crate) fn place(&self, bytes: Vec<u8>, type_name: String) -> CachedOutput {
        let output = CachedOutput::of(&bytes, type_name);
        let is_large = bytes.len() > self.inline_bytes();
        if is_large && self.values.put(&output.digest, &bytes).is_ok() { output } else { output.with_inline(bytes) }
    }

    /// Keeps an entry whose outputs have their places.
    pub(crate) fn put(&self, signature: &KeyDigest, entry: Entry) -> Result<(), CacheError> {
        self.signatures.put(signature, entry)
    }

    /// Loads the bytes of an output.
    pub(crate) fn load<'a>(&self, output: &'a CachedOutput) -> Result<Cow<'a, [u8]>, CacheError> {
        if let Some(bytes) = &output.inline {
            return Ok(Cow::Borrowed(bytes));
        }
        self.withdraw(&output.digest).map(Cow::Owned)
    }

    /// Keeps bytes by their content alone, for whoever is told their digest soon.
    pub(crate) fn deposit(&self, bytes: &[u8]) -> Result<KeyDigest, CacheError> {
        let digest = *blake3::hash(bytes).as_bytes();
        self.values.put(&digest, bytes)?;
        Ok(digest)
    }

    /// Says whether bytes with this digest seem to be there.
    pub(crate) fn has(&self, digest: &KeyDigest, size_bytes: u64) -> bool {
        self.values.holds(digest, size_bytes)
    }

    /// Loads bytes by their digest.
    pub(crate) fn withdraw(&self, digest: &KeyDigest) -> Result<Vec<u8>, CacheError> {
        let bytes = self.values.load(digest)?;
        if blake3::hash(&bytes) == *digest {
            return Ok(bytes);
        }
        // Out of the way, so that the value is written again.
        let _ = self.values.remove(digest);
        Err(CacheError::new("a cached value is damaged"))
    }

    /// Returns how large an output may be to lie in its entry, in bytes.
    pub(crate) fn inline_bytes(&self) -> usize {
        self.signatures.inline_bytes()
    }

    /// Forgets an entry whose values can't be had.
    pub(crate) fn forget(&self, signature: &KeyDigest) {
        // An entry that can't be forgotten is written over by what is computed next.
        let _ = self.signatures.remove(signature);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("signatures", &self.describe()).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

/// The time by the system's clock, in nanoseconds since 1970.
pub(crate) fn unix_now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
