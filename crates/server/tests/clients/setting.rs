//! A receiver that remembers what it was sent.

use std::sync::Arc;

use flowglass_model::{Batch, Sink, SinkError};
use flowglass_server::Receiver;
use parking_lot::Mutex;

/// A receiver that remembers what it was sent.
pub(crate) struct Setting {
    receiver: Receiver,
    seen: Arc<Mutex<Vec<Arc<Batch>>>>,
}

struct Remember(Arc<Mutex<Vec<Arc<Batch>>>>);

impl Sink for Remember {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        self.0.lock().push(Arc::clone(batch));
        Ok(())
    }
}

impl Setting {
    pub(crate) fn new() -> Self {
        let seen = Arc::default();
        let builder = Receiver::builder().http("127.0.0.1:0").grpc("127.0.0.1:0");
        Self { receiver: builder.start(Remember(Arc::clone(&seen))).unwrap(), seen }
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.receiver.http_addresses()[0])
    }

    pub(crate) fn grpc(&self) -> String {
        format!("http://{}", self.receiver.grpc_addresses()[0])
    }

    /// What has arrived. Nothing of it may have been wrong or unknown.
    pub(crate) fn batches(&self) -> Vec<Arc<Batch>> {
        let stats = self.receiver.stats();
        assert_eq!((stats.rejected, stats.unknown_fields, stats.refused_requests, stats.postponed_requests), (0, 0, 0, 0));
        self.seen.lock().clone()
    }

    /// As [`batches`](Self::batches), and forgets them.
    pub(crate) fn take(&self) -> Vec<Arc<Batch>> {
        let batches = self.batches();
        self.seen.lock().clear();
        batches
    }
}
