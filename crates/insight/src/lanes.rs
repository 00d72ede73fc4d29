//! Work side by side: which of a parent's children ran at the same time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Gives each interval (start, end) the lowest lane that is free when it starts; intervals come sorted by start.
///
/// Returns the lanes and how many there are, which is the most intervals that ever ran at one moment. Where one ends as
/// another starts, they don't overlap.
pub(crate) fn lanes(intervals: impl IntoIterator<Item = (u64, u64)>) -> (Vec<u32>, u32) {
    let mut busy: BinaryHeap<Reverse<(u64, u32)>> = BinaryHeap::new();
    let mut free: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
    let mut count = 0;
    let mut assigned = Vec::new();
    for (start, end) in intervals {
        while let Some(Reverse((_, lane))) = busy.peek().filter(|Reverse((until, _))| *until <= start).copied() {
            busy.pop();
            free.push(Reverse(lane));
        }
        let lane = free.pop().map_or_else(
            || {
                count += 1;
                count - 1
            },
            |Reverse(lane)| lane,
        );
        busy.push(Reverse((end, lane)));
        assigned.push(lane);
    }
    (assigned, count)
}

#[cfg(test)]
mod tests {
    use super::lanes;

    #[test]
    fn the_number_of_lanes_is_the_most_work_at_one_moment() {
        assert_eq!(lanes([(0, 10), (10, 20), (20, 30)]), (vec![0, 0, 0], 1));
        assert_eq!(lanes([(0, 10), (1, 5), (2, 9), (5, 7)]), (vec![0, 1, 2, 1], 3));
        assert_eq!(lanes([(5, 5), (5, 5)]), (vec![0, 0], 1));
        assert_eq!(lanes([]), (vec![], 0));
    }
}
