//! The sink of a store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flowglass_model::{Batch, Sink, SinkError};
use parking_lot::RwLock;

use super::held::Held;
use crate::query::Now;

/// Puts batches into a store in memory.
pub(super) struct MemorySink {
    held: Arc<RwLock<Held>>,
    number: u64,
}

/// Numbers tell sinks apart; they mean nothing else.
static SINKS: AtomicU64 = AtomicU64::new(0);

impl MemorySink {
    pub(super) fn new(held: Arc<RwLock<Held>>) -> Self {
        Self { held, number: SINKS.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Sink for MemorySink {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.held.write().take(batch, self.number, Now::system());
        Ok(())
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        self.held.write().end(self.number);
    }
}
