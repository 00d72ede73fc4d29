//! The store in memory: whatever a query means, it means here first. For tests, for programs that keep nothing, and as the
//! reference that other stores are compared with.

mod asked;
mod export;
mod held;
mod retention;
mod rollups;
mod runs;
mod sink;
pub(crate) mod whole;

use std::sync::Arc;

use flowglass_model::{Fingerprint, Graph, Rollup, RunId, Sink, Span};
use parking_lot::RwLock;

use crate::query::{Now, Query};
use crate::{
    Capabilities, Exported, Forgotten, Page, RetentionPolicy, RollupFilter, Selection, SinkOptions, Store, StoreError,
};
use held::Held;
use sink::MemorySink;

/// A store in the memory of this process.
///
/// It keeps batches as they come, up to a limit; beyond it the oldest batches are forgotten, each as a whole. What is open
/// stays. Cloning is cheap, and all clones are the same store.
///
/// ```
/// use flowglass_store::query::Query;
/// use flowglass_store::{MemoryStore, SinkOptions, Store};
///
/// let store = MemoryStore::new();
/// let sink = store.sink(SinkOptions::default())?; // give it to a recorder
/// assert!(store.query(&Query::runs())?.rows.is_empty());
/// # drop(sink);
/// # Ok::<_, flowglass_store::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemoryStore {
    held: Arc<RwLock<Held>>,
}

impl MemoryStore {
    /// The most memory that a new store takes, in bytes: 256 MB.
    pub const MAX_BYTES: usize = 256 * 1024 * 1024;

    /// Makes an empty store that takes up to [`MAX_BYTES`](Self::MAX_BYTES).
    #[must_use]
    pub fn new() -> Self {
        Self::with_max_bytes(Self::MAX_BYTES)
    }

    /// Makes an empty store that takes about so many bytes at most. The batch that came last always stays.
    #[must_use]
    pub fn with_max_bytes(max_bytes: usize) -> Self {
        Self { held: Arc::new(RwLock::new(Held::new(max_bytes))) }
    }

    /// Returns about how much memory is taken, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.held.read().size_bytes()
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn location(&self) -> String {
        "memory:".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::LEAST.with_retention().with_export()
    }

    fn sink(&self, options: SinkOptions) -> Result<Box<dyn Sink>, StoreError> {
        Ok(Box::new(MemorySink::new(Arc::clone(&self.held), options.retention)))
    }

    fn query(&self, query: &Query) -> Result<Page, StoreError> {
        Ok(asked::page(&self.held.read(), query, Now::system()))
    }

    fn trace(&self, run: RunId) -> Result<Vec<Span>, StoreError> {
        Ok(whole::trace(&self.held.read(), run))
    }

    fn graph(&self, fingerprint: Fingerprint) -> Result<Option<Graph>, StoreError> {
        Ok(self.held.read().graph(fingerprint))
    }

    fn rollups(&self, filter: &RollupFilter) -> Result<Vec<Rollup>, StoreError> {
        Ok(rollups::list(&self.held.read(), filter))
    }

    fn retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        Ok(retention::retain(&mut self.held.write(), policy, Now::system()))
    }

    fn preview_retain(&self, policy: &RetentionPolicy) -> Result<Forgotten, StoreError> {
        Ok(retention::preview(&self.held.read(), policy, Now::system()))
    }

    fn export(&self, selection: &Selection) -> Result<Exported<'_>, StoreError> {
        Ok(export::export(&self.held.read(), selection))
    }
}
