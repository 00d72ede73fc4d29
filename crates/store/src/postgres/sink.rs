//! The sink that writes into a server: at once while the server is there, into a folder while it is away.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use flowglass_model::{Batch, Sink, SinkError};

use super::backlog::Backlog;
use super::commit::{Committer, Written};
use super::heartbeat::{self, Heartbeat};
use super::link::Link;
use crate::{SinkOptions, StoreError, StoreErrorKind};

/// Writes batches into a [`PostgresStore`](super::PostgresStore).
pub(super) struct PostgresSink {
    id: i64,
    backlog: Arc<Backlog>,
    /// Brings what the backlog has, until the sink ends.
    carrier: Option<JoinHandle<()>>,
    /// Beats until the sink says that it ends.
    heartbeat: Option<Heartbeat>,
}

/// How long a sink that ends goes on bringing what waits. The rest is brought by the next one.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

impl PostgresSink {
    pub(super) fn open(link: &Link, options: SinkOptions) -> Result<Self, StoreError> {
        let link = Arc::new(link.of_sink(options.durability));
        let id = heartbeat::number();
        let mut committer = Committer::new(&link, id);
        // Of a server that was away when the store was opened we know enough: the first batch shows whether it has come.
        if link.tables.are_seen() || !link.may_be_away() {
            match committer.connect() {
                Err(error) if error.kind() == StoreErrorKind::Unavailable && link.may_be_away() => {}
                connected => connected?,
            }
        }
        let (backlog, carrier) = Backlog::open(&link, committer)?;
        let heartbeat = Some(Heartbeat::start(&link, id, options.retention));
        Ok(Self { id, backlog, carrier: Some(carrier), heartbeat })
    }

    fn commit(&self, batches: &[Arc<Batch>]) -> Result<(), StoreError> {
        let written = |batch: &Arc<Batch>| Written { batch: Arc::clone(batch), sink: self.id, again: false };
        self.backlog.take(batches.iter().map(written).collect())
    }
}

impl Sink for PostgresSink {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        Ok(self.commit(std::slice::from_ref(batch))?)
    }

    /// Commits all at once. Where one of them can't be stored, the others are written by themselves.
    fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
        match self.commit(batches) {
            Ok(()) => *batches = &[],
            Err(error) if error.is_retryable() || batches.len() < 2 => return Err(error.into()),
            Err(_) => {
                while let [first, rest @ ..] = *batches {
                    self.write(first)?;
                    *batches = rest;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(self.backlog.flush()?)
    }
}

impl Drop for PostgresSink {
    fn drop(&mut self) {
        // From here on, nobody waits for the server for longer.
        self.backlog.end(LAST_MOMENTS);
        drop(self.heartbeat.take());
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
        self.backlog.ended();
    }
}
