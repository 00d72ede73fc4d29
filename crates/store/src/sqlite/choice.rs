//! Which segments are merged next.

use std::collections::HashMap;

use super::segments::{LAST_LEVEL, Segment};

/// How eager a merge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eagerness {
    /// Only what has grown to a full set of segments.
    Full,
    /// Also a part of a set: the process ends.
    AtEnd,
    /// The same: nothing else is to be done.
    Idle,
    /// Any two segments that may become one: somebody asked for it.
    Whole,
}

/// So many segments of one level are merged into one.
pub(super) const FAN_IN: usize = 32;
/// A process that ends, or has nothing else to do, merges if there are so many small segments: fewer cost a question next to nothing.
/// One that has nothing else to do merges as many large ones, too.
pub(super) const FAN_IN_AT_REST: usize = 8;
/// As few large segments are left alone by who asks for all to be merged: they cost a question what one does.
const FEW_LARGE: usize = 3;
/// The level of large segments.
const LARGE: i64 = LAST_LEVEL - 1;
/// The most spans of a merged segment: its postings fit into their chunks well.
const MOST_SPANS: u64 = 1 << 24;
/// Segments of one merge begin in the same week, so that a week can be forgotten as a whole.
const WINDOW_NS: i64 = 7 * 86_400 * 1_000_000_000;

/// Returns the week of what ends with this start: only what is of one week is in one segment.
pub(super) const fn week(max_start_unix_ns: i64) -> i64 {
    max_start_unix_ns.div_euclid(WINDOW_NS)
}

/// Chooses segments of one level and one week, the oldest first.
pub(super) fn choose(live: Vec<Segment>, eagerness: Eagerness) -> Option<Vec<Segment>> {
    let is_early = |segment: &Segment| segment.shape.is_early() && segment.level > 0;
    if matches!(eagerness, Eagerness::Idle | Eagerness::Whole)
        && let Some(early) = live.iter().find(|segment| is_early(segment))
    {
        // Its blocks must be looked into, of no more than one at a time.
        return Some(vec![*early]);
    }
    let live: Vec<Segment> = live.into_iter().filter(|segment| segment.level < LAST_LEVEL && !is_early(segment)).collect();
    let of_levels = sets(&live, |level| if eagerness == Eagerness::Whole { level / LARGE } else { level });
    let mut full: Vec<_> = of_levels.into_iter().filter(|((level, _), set)| set.len() >= enough(eagerness, *level)).collect();
    if full.is_empty() && eagerness == Eagerness::Whole {
        // What is left of small ones goes with the large ones, unless these are few.
        full = sets(&live, |_| 0).into_iter().filter(|(_, set)| set.len() > FEW_LARGE).collect();
    }
    full.sort_unstable_by_key(|(key, _)| *key);
    let (_, mut set) = full.into_iter().next()?;
    set.truncate(FAN_IN);
    let mut spans = 0u64;
    let fitting = set.iter().take_while(|segment| {
        spans = spans.saturating_add(segment.bounds.spans);
        spans <= MOST_SPANS
    });
    let fitting = fitting.count().max(2);
    set.truncate(fitting);
    Some(set)
}

/// Sorts segments by their week and by what `kind` makes of their level, the smaller ones of each set first.
fn sets(live: &[Segment], kind: impl Fn(i64) -> i64) -> HashMap<(i64, i64), Vec<Segment>> {
    let mut sets: HashMap<(i64, i64), Vec<Segment>> = HashMap::new();
    for &segment in live {
        let week = week(segment.bounds.max_start_unix_ns);
        sets.entry((kind(segment.level), week)).or_default().push(segment);
    }
    sets.values_mut().for_each(|set| set.sort_by_key(|segment| segment.level));
    sets
}

/// Returns how many segments of a level are merged; who asks for all to be merged tells only large ones from the others.
const fn enough(eagerness: Eagerness, level: i64) -> usize {
    match (eagerness, level) {
        (Eagerness::Whole, 0) => 2,
        (Eagerness::Whole, _) => usize::MAX,
        (Eagerness::AtEnd | Eagerness::Idle, 0) | (Eagerness::Idle, LARGE) => FAN_IN_AT_REST,
        _ => FAN_IN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::postings::Shape;
    use crate::sketch::zones::Bounds;

    fn segments(count: i64, level: i64, week: i64) -> Vec<Segment> {
        let bounds = Bounds { spans: 500_000, max_start_unix_ns: week * WINDOW_NS, ..Bounds::NONE };
        let of = |id| Segment { id: id + level * 100, level, shape: Shape::fitting(0, 1), bounds, tallied: true };
        (0..count).map(of).collect()
    }

    const NOTHING: [i64; 0] = [];

    fn levels(live: Vec<Segment>, eagerness: Eagerness) -> Vec<i64> {
        choose(live, eagerness).into_iter().flatten().map(|segment| segment.level).collect()
    }

    #[test]
    fn as_many_as_it_takes_are_chosen_of_one_level_and_week() {
        use Eagerness::{AtEnd, Full, Idle};
        assert_eq!(levels(segments(31, 0, 0), Full), NOTHING);
        assert_eq!(levels(segments(40, 0, 0), Full), [0; 32]);
        assert_eq!(levels([segments(31, 0, 0), segments(1, 0, 1)].concat(), Full), NOTHING, "of two weeks");
        assert_eq!(levels(segments(8, 0, 0), AtEnd), [0; 8]);
        assert_eq!((levels(segments(8, 2, 0), AtEnd), levels(segments(8, 2, 0), Idle)), (vec![], vec![2; 8]));
        assert_eq!(levels(segments(31, 1, 0), Idle), NOTHING);
        assert_eq!(levels(segments(40, LAST_LEVEL, 0), Full), NOTHING);
    }

    #[test]
    fn what_is_asked_for_leaves_one_segment_or_few_large_ones() {
        let whole = |live: Vec<Segment>| levels(live, Eagerness::Whole);
        assert_eq!(whole([segments(19, 2, 0), segments(2, 0, 0), segments(1, 1, 0)].concat()), [0, 0, 1], "small ones first");
        assert_eq!(whole([segments(19, 2, 0), segments(1, 1, 0)].concat()), [vec![1], vec![2; 19]].concat());
        assert_eq!(whole([segments(2, 2, 0), segments(1, 1, 0)].concat()), NOTHING);
        assert_eq!(whole([segments(1, 0, 0), segments(1, 0, 1)].concat()), NOTHING);
    }

    #[test]
    fn one_of_an_earlier_format_is_written_anew_alone() {
        let early = Segment { shape: Shape::stored(3, 1).unwrap(), ..segments(1, 1, 0)[0] };
        let live = || [segments(40, 0, 0), vec![early]].concat();
        assert_eq!([Eagerness::Whole, Eagerness::Idle].map(|eager| levels(live(), eager)), [[1], [1]]);
        assert_eq!(levels(live(), Eagerness::Full), [0; 32]);
    }
}
