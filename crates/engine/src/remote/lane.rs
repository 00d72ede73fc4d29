//! Items that can travel together, and how many of them make a good job.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use flowglass_model::{RunId, SpanId, WriterId};

use super::dispatch::{Errand, Returned, Told};
use super::line::Teller;
use super::pack::Item;
use crate::error::Error;

/// How many items of a map travel in one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Chunk {
    /// So many that a job takes about 50 ms, as far as is known from the items before; never so many that a worker
    /// would have nothing to do.
    #[default]
    Auto,
    /// This many. Items with a time limit travel alone all the same, so that one that hangs holds up no other.
    Items(usize),
}

/// What a job is to take, in nanoseconds.
const JOB_NS: f64 = 50e6;
/// A job never has more items.
const MOST_ITEMS: usize = 1024;

/// What tells items apart that can't travel together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LaneKey {
    pub(crate) run: RunId,
    /// The node's place in the run, or that of the first node of a pipeline that travels whole. Each use of a pipeline has
    /// places of its own, because each may be configured in its own way.
    pub(crate) site: u32,
    /// Whether it is a pipeline that travels whole.
    pub(crate) is_whole: bool,
    /// The span around: the map's, or the pipeline's.
    pub(crate) around: SpanId,
    /// Who records it: nothing of a job may come home to another recorder.
    pub(crate) writer: WriterId,
}

/// Items that can travel together.
pub(super) struct Lane {
    pub(super) errand: Errand,
    pub(super) waiting: VecDeque<Waiting>,
    /// What an item takes a worker, as far as is known.
    item_ns: Option<f64>,
    /// How many jobs of it are under way.
    pub(super) flights: usize,
}

/// An item that waits for a worker, or is with one.
pub(super) struct Waiting {
    pub(super) item: Item,
    pub(super) tell: Teller,
    pub(super) job: Arc<AtomicU64>,
    /// How many workers died with it.
    pub(super) losses: u32,
    /// How many died or were ended for other reasons while they had it.
    pub(super) accidents: u32,
    /// Whether it travels in a job of its own.
    pub(super) alone: bool,
    /// How many jobs had ended when it began to wait.
    pub(super) landed: u64,
}

impl Waiting {
    pub(super) fn new(item: Item, tell: Teller, job: Arc<AtomicU64>) -> Self {
        Self { item, tell, job, losses: 0, accidents: 0, alone: false, landed: 0 }
    }

    pub(super) fn tell(&self, told: Told) {
        self.tell.tell(told);
    }

    pub(super) fn end(self, result: Result<Option<Returned>, Error>) {
        self.tell(Told::Done(result));
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.tell.is_wanted()
    }

    /// Ends an item that had to wait and needn't be done any more; `landed` jobs have ended by now.
    pub(super) fn unless_known(self, landed: u64) -> Option<Self> {
        if self.landed == landed || !self.item.is_known.as_ref().is_some_and(|is_known| is_known()) {
            return Some(self);
        }
        self.end(Ok(None));
        None
    }
}

impl Lane {
    pub(super) fn new(errand: Errand) -> Self {
        Self { errand, waiting: VecDeque::new(), item_ns: None, flights: 0 }
    }

    /// Takes the items of one job, where there is room for so many jobs. What nobody waits for is let go.
    pub(super) fn take(&mut self, room: usize) -> Vec<Waiting> {
        self.waiting.retain(Waiting::is_wanted);
        if self.waiting.front().is_some_and(|item| item.alone) {
            return self.waiting.pop_front().into_iter().collect();
        }
        let most = self.size(room).min(self.waiting.len());
        let together = self.waiting.iter().take(most).take_while(|item| !item.alone).count();
        self.waiting.drain(..together).collect()
    }

    /// Says whether nothing of it is left.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.flights == 0
    }

    /// How many items the next job has.
    fn size(&self, room: usize) -> usize {
        if self.errand.header.timeout_ns.is_some() {
            return 1;
        }
        match (self.errand.chunk, self.item_ns) {
            (Chunk::Items(items), _) => items.max(1),
            (Chunk::Auto, None) => 1,
            (Chunk::Auto, Some(item_ns)) => {
                let share = self.waiting.len().div_ceil(room.max(1));
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded on both sides")]
                let fitting = (JOB_NS / item_ns.max(1.0)).clamp(1.0, MOST_ITEMS as f64) as usize;
                fitting.min(share).max(1)
            }
        }
    }

    /// Takes note of how long a job took its worker.
    pub(super) fn learn(&mut self, elapsed_ns: u64, items: usize) {
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let item_ns = elapsed_ns as f64 / items.max(1) as f64;
        self.item_ns = Some(self.item_ns.map_or(item_ns, |known| 0.7 * known + 0.3 * item_ns));
    }
}
