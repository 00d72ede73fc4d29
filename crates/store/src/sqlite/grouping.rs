//! Which batches of a commit become one segment: the fewer segments, the less there is to merge.

use std::sync::Arc;

use flowglass_model::Batch;

use super::choice::week;
use super::segments::SMALL_SEGMENT_SPANS;
use crate::sketch::zones::Bounds;

/// The most batches of one segment, however few spans they have.
const MOST_BATCHES: usize = 16;

/// Cuts the batches of a commit where a new segment begins: each has batches of one week, and few enough spans for the lowest level.
/// One that may be in the store already is alone.
pub(super) fn segments(batches: &[Arc<Batch>], is_alone: impl Fn(&Batch) -> bool) -> Vec<&[Arc<Batch>]> {
    let mut groups = Vec::new();
    let mut left = batches;
    while !left.is_empty() {
        let (group, rest) = left.split_at(length(left, &is_alone));
        groups.push(group);
        left = rest;
    }
    groups
}

/// Returns how many of these batches the first segment has.
fn length(batches: &[Arc<Batch>], is_alone: impl Fn(&Batch) -> bool) -> usize {
    let (mut spans, mut of_week) = (0, None);
    for (at, batch) in batches.iter().enumerate() {
        spans += batch.spans.len() as u64;
        let is_of_week = week_of(batch).is_none_or(|week| *of_week.get_or_insert(week) == week);
        let fits = is_of_week && spans < SMALL_SEGMENT_SPANS && at < MOST_BATCHES;
        if at > 0 && (!fits || is_alone(batch) || is_alone(&batches[at - 1])) {
            return at;
        }
    }
    batches.len()
}

/// Returns nothing for a batch in which nothing ended.
fn week_of(batch: &Batch) -> Option<i64> {
    let bounds = Bounds::of(batch);
    (bounds.max_start_unix_ns >= bounds.min_start_unix_ns).then(|| week(bounds.max_start_unix_ns))
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, Span, WriterId};

    use super::*;

    const WEEK_NS: i64 = 7 * 86_400 * 1_000_000_000;

    fn batch(sequence: u64, spans: usize, start_unix_ns: i64) -> Arc<Batch> {
        let mut builder = BatchBuilder::new(WriterId::random(), sequence, Arc::default());
        (0..spans).for_each(|_| builder.push(&Span { start_unix_ns, ..Span::default() }));
        Arc::new(builder.finish())
    }

    fn lengths(batches: &[Arc<Batch>], is_alone: impl Fn(&Batch) -> bool) -> Vec<usize> {
        segments(batches, is_alone).iter().map(|group| group.len()).collect()
    }

    #[test]
    fn batches_of_one_week_become_one_segment() {
        let batches = [batch(1, 3, 0), batch(2, 0, 0), batch(3, 2, WEEK_NS - 1), batch(4, 1, WEEK_NS), batch(5, 1, 0)];
        assert_eq!(lengths(&batches, |_| false), [3, 1, 1]);
        assert_eq!(lengths(&batches[1..2], |_| false), [1]);
        assert_eq!(lengths(&[], |_| false), [0; 0]);
    }

    #[test]
    fn a_segment_has_only_so_many_spans_and_batches() {
        let large = SMALL_SEGMENT_SPANS as usize;
        assert_eq!(
            lengths(&[batch(1, large - 1, 0), batch(2, 1, 0), batch(3, large, 0), batch(4, 1, 0)], |_| false),
            [1, 1, 1, 1]
        );
        let many: Vec<_> = (0..MOST_BATCHES as u64 + 2).map(|at| batch(at, 1, 0)).collect();
        assert_eq!(lengths(&many, |_| false), [MOST_BATCHES, 2]);
    }

    #[test]
    fn what_may_be_stored_already_is_alone() {
        let batches: Vec<_> = (0..5).map(|at| batch(at, 1, 0)).collect();
        assert_eq!(lengths(&batches, |batch| batch.sequence == 2), [2, 1, 2]);
        assert_eq!(lengths(&batches, |batch| batch.sequence == 0), [1, 4]);
    }
}
