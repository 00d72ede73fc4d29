//! A cache that tests can damage.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use flowglass::cache::{Entry, SignatureStore, ValueStore};
use flowglass::value::KeyDigest;
use flowglass::{Cache, CacheError, MemoryCache};
use parking_lot::Mutex;

/// Keeps every value apart from its entry, counts what is loaded, and can lose or damage what it has.
#[derive(Clone, Default)]
pub(crate) struct Lossy {
    entries: MemoryCache,
    values: Arc<Mutex<HashMap<KeyDigest, Vec<u8>>>>,
    loads: Arc<AtomicU32>,
}

impl SignatureStore for Lossy {
    fn describe(&self) -> String {
        "Lossy".to_owned()
    }

    fn inline_bytes(&self) -> usize {
        0
    }

    fn get(&self, signature: &KeyDigest) -> Result<Option<Arc<Entry>>, CacheError> {
        self.entries.get(signature)
    }

    fn put(&self, signature: &KeyDigest, entry: Entry) -> Result<(), CacheError> {
        self.entries.put(signature, entry)
    }

    fn remove(&self, signature: &KeyDigest) -> Result<(), CacheError> {
        self.entries.remove(signature)
    }
}

impl ValueStore for Lossy {
    fn holds(&self, digest: &KeyDigest, _: u64) -> bool {
        self.values.lock().contains_key(digest)
    }

    fn load(&self, digest: &KeyDigest) -> Result<Vec<u8>, CacheError> {
        self.loads.fetch_add(1, SeqCst);
        self.values.lock().get(digest).cloned().ok_or_else(|| CacheError::new("it is gone"))
    }

    fn put(&self, digest: &KeyDigest, bytes: &[u8]) -> Result<(), CacheError> {
        self.values.lock().insert(*digest, bytes.to_vec());
        Ok(())
    }

    fn remove(&self, digest: &KeyDigest) -> Result<(), CacheError> {
        self.values.lock().remove(digest);
        Ok(())
    }
}

impl Lossy {
    /// Makes a cache of it.
    pub(crate) fn cache(&self) -> Cache {
        Cache::new(self.clone(), self.clone())
    }

    /// Makes an empty cache with room for so many entries.
    pub(crate) fn of(max_entries: usize) -> Self {
        Self { entries: MemoryCache::new().max_entries(max_entries), ..Self::default() }
    }

    /// Takes every value away.
    pub(crate) fn lose(&self) {
        self.values.lock().clear();
    }

    /// Changes the bytes of every value, so that each seems to be there and is damaged.
    pub(crate) fn damage(&self) {
        self.values.lock().values_mut().for_each(|bytes| bytes.push(0));
    }

    /// Returns how many values were loaded since this was last asked.
    pub(crate) fn loads(&self) -> u32 {
        self.loads.swap(0, SeqCst)
    }
}
