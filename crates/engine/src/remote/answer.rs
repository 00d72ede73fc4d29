//! Results on their way home: as many in one message as there is room for.

use super::job::{ItemResult, NotMade, WorkerId};
use crate::error::{Error, ErrorKind};

/// The results of a job, of which those that have no room in one message go ahead.
pub(super) struct Answer<F> {
    send_ahead: F,
    worker: WorkerId,
    /// What results may take in a message, in bytes.
    room: usize,
    held: Vec<(u32, ItemResult)>,
    held_bytes: usize,
}

/// What a message may need besides values, and an item besides its values, in bytes.
pub(super) const OVERHEAD_BYTES: usize = 1024;

impl<F: Fn(WorkerId, Vec<(u32, ItemResult)>)> Answer<F> {
    pub(super) fn new(worker: WorkerId, message_bytes: usize, send_ahead: F) -> Self {
        let room = message_bytes.saturating_sub(OVERHEAD_BYTES);
        Self { send_ahead, worker, room, held: Vec::new(), held_bytes: 0 }
    }

    /// Takes the result of the item at this place in its job. What is too large for any message fails the item.
    pub(super) fn add(&mut self, at: u32, mut result: ItemResult) {
        let mut size_bytes = size(&result);
        if size_bytes > self.room {
            result.outcome = Err(too_large(size_bytes, self.room));
            size_bytes = OVERHEAD_BYTES;
        }
        if self.held_bytes + size_bytes > self.room && !self.held.is_empty() {
            (self.send_ahead)(self.worker.clone(), std::mem::take(&mut self.held));
            self.held_bytes = 0;
        }
        self.held_bytes += size_bytes;
        self.held.push((at, result));
    }

    /// Returns the results that have not gone ahead: of a job with items at least one, because a job isn't over before all of its
    /// telemetry is home.
    pub(super) fn rest(self) -> Vec<(u32, ItemResult)> {
        self.held
    }
}

fn size(result: &ItemResult) -> usize {
    let values = result.outcome.iter().flatten().map(|made| made.value.message_bytes() + made.signed.message_bytes());
    OVERHEAD_BYTES + values.sum::<usize>()
}

fn too_large(size_bytes: usize, room: usize) -> NotMade {
    let message = format!(
        "the results can't be sent home: they are {size_bytes} bytes, and the backend takes messages of {room}; where driver and \
         worker share a `DiskCache`, large values go through it"
    );
    Error::new(ErrorKind::Worker, message).into()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::freight::Freight;
    use super::super::job::{Counts, ItemValue};
    use super::super::payload::Payload;
    use super::super::signed::Signed;
    use super::*;

    fn made(size_bytes: usize) -> ItemResult {
        let value = ItemValue { value: Freight::Bytes(Payload(vec![1; size_bytes])), signed: Signed::default() };
        ItemResult { outcome: Ok(vec![value]), start_unix_ns: 0, duration_ns: 1, hit: false, counts: Counts::default() }
    }

    #[test]
    fn results_that_have_no_room_beside_each_other_go_ahead_and_one_that_has_none_at_all_fails() {
        let ahead = RefCell::new(Vec::new());
        let send =
            |_, results: Vec<(u32, ItemResult)>| ahead.borrow_mut().push(results.iter().map(|(at, _)| *at).collect::<Vec<_>>());
        let mut answer = Answer::new(WorkerId::default(), 20_000, send);
        for (at, size_bytes) in [(2, 6_000), (0, 6_000), (3, 6_000), (1, 50_000), (4, 17_000)] {
            answer.add(at, made(size_bytes));
        }
        let rest = answer.rest();
        assert_eq!((ahead.take(), rest.iter().map(|(at, _)| *at).collect::<Vec<_>>()), (vec![vec![2, 0], vec![3, 1]], vec![4]));
        let mut answer = Answer::new(WorkerId::default(), 20_000, |_, _| ());
        answer.add(1, made(50_000));
        assert!(matches!(answer.rest()[0].1.outcome, Err(NotMade::Failed(_))));
    }
}
