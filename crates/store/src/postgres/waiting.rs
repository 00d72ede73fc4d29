//! The folder in which batches wait for a server: what goes in, what comes out, and what is lost there.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use flowglass_spool::{Frame, Spool, WhenFull};

use super::commit::Written;
use super::link::Link;
use crate::block::{FrameDecoder, FrameEncoder};
use crate::hash::hash;
use crate::{StoreError, StoreErrorKind, spooled};

/// Batches that wait in a folder, which is opened once something has to.
pub(super) struct Waiting {
    /// Nothing where no batch may wait.
    folder: Option<PathBuf>,
    most_bytes: u64,
    spool: Option<Spool>,
}

impl Waiting {
    /// Each server has a folder of its own. Begins with what other processes left there.
    pub(super) fn for_server(link: &Link) -> Self {
        let name = format!("postgres-{:016x}", hash(link.place.as_bytes()));
        let folder = link.options.spool.as_ref().map(|folder| folder.join(name));
        let mut waiting = Self { folder, most_bytes: link.options.spool_bytes, spool: None };
        if waiting.folder.as_ref().is_some_and(|folder| folder.is_dir()) {
            // What can't be opened now is tried again when something has to wait.
            let _ = waiting.opened();
        }
        waiting
    }

    /// Says whether batches may wait here.
    pub(super) const fn is_wanted(&self) -> bool {
        self.folder.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spool.as_ref().is_none_or(Spool::is_empty)
    }

    /// Returns the folder in which this process's batches lie.
    pub(super) fn place(&self) -> Option<PathBuf> {
        self.spool.as_ref().map(|spool| spool.folder().to_owned())
    }

    /// Puts batches behind the others, on this machine's disk.
    pub(super) fn keep(&mut self, batches: &[Written]) -> io::Result<()> {
        let spool = self.opened()?;
        let mut encoder = FrameEncoder::new()?;
        for Written { batch, sink, .. } in batches {
            spool.push(spooled::items(batch), &spooled::encode(batch, *sink, &mut encoder)?)?;
        }
        spool.flush()
    }

    /// Lends the first frames, which wait until [`settle`](Self::settle) says what became of them.
    pub(super) fn lend(&mut self, most: usize) -> Vec<Frame> {
        self.spool.as_mut().map(|spool| spool.lend(most)).unwrap_or_default()
    }

    /// Notes that so many of the first frames have arrived.
    pub(super) fn arrived(&mut self, count: usize) {
        if let Some(spool) = &mut self.spool {
            spool.arrived(count);
        }
    }

    /// Notes that the first frame has arrived, or that nobody will ever take it.
    pub(super) fn settle(&mut self, is_taken: bool) {
        if let Some(spool) = &mut self.spool {
            spool.lend(1);
            if is_taken { spool.arrived(1) } else { spool.refuse(1) }
        }
    }

    /// Returns how many records were lost since this was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        self.spool.as_mut().map_or(0, Spool::take_lost)
    }

    fn opened(&mut self) -> io::Result<&mut Spool> {
        let spool = match self.spool.take() {
            Some(spool) => spool,
            None => {
                let folder = self.folder.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                Spool::open(folder, self.most_bytes, WhenFull::Refuse)?
            }
        };
        Ok(self.spool.insert(spool))
    }
}

/// Reads batches that waited.
pub(super) fn read(frames: &[Frame], place: &str) -> Result<Vec<Written>, StoreError> {
    let mut decoder = FrameDecoder::default();
    let decoded = frames.iter().map(|frame| {
        let (batch, sink) = spooled::decode(&frame.bytes, &mut decoder).map_err(|damage| {
            StoreError::new(StoreErrorKind::Corrupt, format!("what waits for {place} can't be read: {}", damage.0))
        })?;
        Ok(Written { batch: Arc::new(batch), sink, again: true })
    });
    decoded.collect()
}

/// Returns whose batches these are besides our own. Only a sink that has ended leaves anything to others, and what it could not bring is
/// also that it ended.
pub(super) fn others(batches: &[Written], own: i64) -> BTreeSet<i64> {
    batches.iter().map(|written| written.sink).filter(|sink| *sink != own).collect()
}
