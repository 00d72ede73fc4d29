//! Rows in the order of their times, out of chunks that overlap: a chunk is opened when its turn comes, so that a statement with
//! a limit opens few.

use std::collections::BinaryHeap;
use std::sync::Arc;

use super::table::{Picked, Rows, Scan};
use crate::StoreError;
use crate::sketch::zones::Zone;

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Newest,
    Oldest,
}

impl Order {
    /// Returns a number that is the larger the earlier something comes.
    const fn rank(self, unix_ns: i64) -> i64 {
        match self {
            Self::Newest => unix_ns,
            Self::Oldest => !unix_ns,
        }
    }
}

/// Returns the bounds of the times in a block.
pub(super) type TimesOf = fn(&Zone) -> (i64, i64);
/// Returns the time of a row.
pub(super) type TimeOf<C> = fn(&C, usize) -> i64;

/// What the rows of a table are ordered by.
pub(super) struct By<C> {
    pub(super) order: Order,
    pub(super) times: TimesOf,
    pub(super) time: TimeOf<C>,
}

/// Finds the rows of some chunks that are open, and of blocks that `load` opens, in order.
pub(super) fn scan<C: 'static>(
    by: By<C>,
    open: Vec<Rows<C>>,
    mut zones: Vec<Zone>,
    mut load: impl FnMut(&Zone) -> Result<Rows<C>, StoreError> + 'static,
) -> Scan<C> {
    let rank = move |zone: &Zone| {
        let (first, last) = (by.times)(zone);
        by.order.rank(if by.order == Order::Newest { last } else { first })
    };
    zones.sort_by_key(rank);
    let mut runs: BinaryHeap<Run<C>> = open.into_iter().filter_map(|rows| Run::new(rows, &by)).collect();
    Box::new(move || {
        while let Some(zone) = zones.pop_if(|zone| runs.peek().is_none_or(|first| rank(zone) > first.rank())) {
            runs.extend(Run::new(load(&zone)?, &by));
        }
        let Some(mut first) = runs.pop() else { return Ok(None) };
        let others = runs.peek().map(Run::rank).max(zones.last().map(rank));
        let rows = first.take_while(others.unwrap_or(i64::MIN));
        runs.extend(Some(first).filter(|rest| !rest.rows.is_empty()));
        Ok(Some(rows))
    })
}

/// The rows of a chunk that have not been shown, the first in order last.
struct Run<C> {
    chunk: Arc<C>,
    rows: Vec<(i64, u32)>,
}

impl<C> Run<C> {
    fn new(found: Rows<C>, by: &By<C>) -> Option<Self> {
        let Rows { chunk, picked } = found;
        let places = (0..picked.len()).map(|at| picked.get(at));
        let ranked = places.map(|row| (by.order.rank((by.time)(&chunk, row)), u32::try_from(row).unwrap_or(u32::MAX)));
        let mut rows: Vec<(i64, u32)> = ranked.collect();
        rows.sort_unstable();
        (!rows.is_empty()).then_some(Self { chunk, rows })
    }

    fn rank(&self) -> i64 {
        self.rows.last().map_or(i64::MIN, |(rank, _)| *rank)
    }

    /// Takes the rows that come before all others, of which the first has this rank.
    fn take_while(&mut self, others: i64) -> Rows<C> {
        let kept = self.rows.partition_point(|(rank, _)| *rank < others).min(self.rows.len().saturating_sub(1));
        let taken = self.rows.split_off(kept).into_iter().rev().map(|(_, row)| row).collect();
        Rows { chunk: Arc::clone(&self.chunk), picked: Picked::These(taken) }
    }
}

impl<C> PartialEq for Run<C> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl<C> Eq for Run<C> {}

impl<C> PartialOrd for Run<C> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<C> Ord for Run<C> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}
