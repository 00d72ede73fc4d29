//! The memory that all requests in flight share: each takes what it needs, or is told to come again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::service::Refusal;

/// Memory is counted in pieces of this size.
const PIECE_BYTES: usize = 1 << 10;

/// The windows of connections have at most one part of so many.
const WINDOWS_SHARE: usize = 4;

/// The memory that all requests in flight share.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    pieces: Arc<Semaphore>,
    /// How much of it the windows of connections may have, so that requests have the rest.
    windows: Arc<Semaphore>,
    most: usize,
    patience: Duration,
}

/// What one request holds of it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    room: Room,
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

/// What the window of a connection holds of it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Window {
    _share: OwnedSemaphorePermit,
    _room: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(bytes: usize, patience: Duration) -> Self {
        let most = bytes.div_ceil(PIECE_BYTES).min(Semaphore::MAX_PERMITS);
        let windows = Arc::new(Semaphore::new(most / WINDOWS_SHARE));
        Self { pieces: Arc::new(Semaphore::new(most)), windows, most, patience }
    }

    /// Takes the room for a connection's window, if it is there now.
    pub(crate) fn window(&self, bytes: usize) -> Option<Window> {
        let pieces = u32::try_from(bytes.div_ceil(PIECE_BYTES)).ok()?;
        let share = Arc::clone(&self.windows).try_acquire_many_owned(pieces).ok()?;
        let room = Arc::clone(&self.pieces).try_acquire_many_owned(pieces).ok()?;
        Some(Window { _share: share, _room: room })
    }

    pub(crate) fn hold(&self) -> Hold {
        Hold { room: self.clone(), permit: None, bytes: 0 }
    }
}

impl Hold {
    /// Takes more, and waits a little where there is none.
    pub(crate) async fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let Some(pieces) = self.needed(self.bytes.saturating_add(bytes))? else {
            self.bytes += bytes;
            return Ok(());
        };
        let more = match Arc::clone(&self.room.pieces).try_acquire_many_owned(pieces) {
            Ok(more) => more,
            Err(_) => {
                let waited = timeout(self.room.patience, Arc::clone(&self.room.pieces).acquire_many_owned(pieces)).await;
                waited.ok().and_then(Result::ok).ok_or(Refusal::Busy)?
            }
        };
        self.add(more, bytes);
        Ok(())
    }

    /// Takes more, if it is there now.
    pub(crate) fn try_grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let Some(pieces) = self.needed(self.bytes.saturating_add(bytes))? else {
            self.bytes += bytes;
            return Ok(());
        };
        let more = Arc::clone(&self.room.pieces).try_acquire_many_owned(pieces).map_err(|_| Refusal::Busy)?;
        self.add(more, bytes);
        Ok(())
    }

    /// Gives back what goes beyond these bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let kept = bytes.div_ceil(PIECE_BYTES);
        if let Some(permit) = &mut self.permit
            && let Some(beyond) = permit.num_permits().checked_sub(kept)
        {
            drop(permit.split(beyond));
        }
        self.bytes = self.bytes.min(bytes);
    }

    /// Returns how many pieces are missing for so many bytes, if any are.
    fn needed(&self, bytes: usize) -> Result<Option<u32>, Refusal> {
        let wanted = bytes.div_ceil(PIECE_BYTES);
        if wanted > self.room.most {
            return Err(Refusal::TooLarge(format!("a request may take {} bytes of memory", self.room.most * PIECE_BYTES)));
        }
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = wanted.saturating_sub(held);
        Ok(u32::try_from(missing).ok().filter(|missing| *missing > 0))
    }

    fn add(&mut self, more: OwnedSemaphorePermit, bytes: usize) {
        match &mut self.permit {
            Some(permit) => permit.merge(more),
            permit => *permit = Some(more),
        }
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken() {
        let room = Room::new(10 << 10, Duration::ZERO);
        let (mut one, mut other) = (room.hold(), room.hold());
        one.try_grow(8 << 10).unwrap();
        assert!(matches!(other.try_grow(4 << 10), Err(Refusal::Busy)));
        one.shrink_to(3 << 10);
        other.try_grow(4 << 10).unwrap();
        drop(one);
        other.try_grow(6 << 10).unwrap();
        assert!(matches!(other.try_grow(1), Err(Refusal::TooLarge(_))), "it would never fit");
    }

    #[test]
    fn windows_have_their_share_and_no_more() {
        let room = Room::new(16 << 10, Duration::ZERO);
        let first = room.window(3 << 10).unwrap();
        assert!(room.window(2 << 10).is_none(), "a quarter is theirs");
        let mut request = room.hold();
        assert!(matches!(request.try_grow(14 << 10), Err(Refusal::Busy)), "what they have, requests haven't");
        drop(first);
        request.try_grow(14 << 10).unwrap();
        assert!(room.window(3 << 10).is_none(), "and the other way round");
    }
}
