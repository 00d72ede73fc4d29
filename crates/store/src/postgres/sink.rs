//! The sink that writes into a server: at once while the server is there, into a folder while it is away.

use std::sync::Arc;

use flowglass_model::{Batch, Sink, SinkError};

use super::backlog::Backlog;
use super::commit::{Committer, Written};
use super::heartbeat::Heartbeat;
use super::link::Link;
use crate::{RetentionPolicy, StoreError};

/// Writes batches into a [`PostgresStore`](super::PostgresStore).
pub(super) struct PostgresSink {
    id: i64,
    backlog: Arc<Backlog>,
    /// Beats until the sink says that it ends.
    heartbeat: Option<Heartbeat>,
}

impl PostgresSink {
    pub(super) fn open(link: &Arc<Link>, retention: Option<RetentionPolicy>) -> Result<Self, StoreError> {
        let (committer, id) = Committer::open(link)?;
        let heartbeat = Some(Heartbeat::start(link, id, retention));
        Ok(Self { id, backlog: Backlog::open(link, committer, id), heartbeat })
    }

    fn commit(&self, batches: &[Arc<Batch>]) -> Result<(), StoreError> {
        let written = |batch: &Arc<Batch>| Written { batch: Arc::clone(batch), sink: self.id, again: false };
        self.backlog.take(&batches.iter().map(written).collect::<Vec<_>>())
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
}

impl Drop for PostgresSink {
    fn drop(&mut self) {
        drop(self.heartbeat.take());
        self.backlog.end();
    }
}
