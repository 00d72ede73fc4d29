//! The sink of a store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flowglass_model::{Batch, Sink, SinkError};
use parking_lot::RwLock;

use super::held::Held;
use super::retention;
use crate::RetentionPolicy;
use crate::query::Now;

/// Puts batches into a store in memory.
pub(super) struct MemorySink {
    held: Arc<RwLock<Held>>,
    number: u64,
    retention: Option<RetentionPolicy>,
}

/// Numbers tell sinks apart; they mean nothing else.
static SINKS: AtomicU64 = AtomicU64::new(0);

impl MemorySink {
    pub(super) fn new(held: Arc<RwLock<Held>>, retention: Option<RetentionPolicy>) -> Self {
        Self { held, number: SINKS.fetch_add(1, Ordering::Relaxed), retention }
    }
}

impl Sink for MemorySink {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        let (mut held, now) = (self.held.write(), Now::system());
        held.take(batch, self.number, now);
        if let Some(policy) = &self.retention
            && held.is_to_forget(now)
        {
            retention::retain(&mut held, policy, now);
        }
        Ok(())
    }
}

impl Drop for MemorySink {
    fn drop(&mut self) {
        self.held.write().end(self.number);
    }
}
