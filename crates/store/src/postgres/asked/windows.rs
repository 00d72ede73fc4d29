//! Stretches of time, asked for one after the other: of a table with a part for each day, a question about what comes first reads those
//! days only, and the server plans for no others.

use super::super::condition::{Value, Values};
use super::super::partitions::NS_PER_DAY;

/// A stretch of time: from its first moment on, and before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    from_unix_ns: Option<i64>,
    to_unix_ns: Option<i64>,
}

/// The days, counted from 1970, between which most records lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) first: i64,
    pub(super) last: i64,
}

/// How many days the stretches behind the first one hold. Then comes all that is left.
const DAYS: [i64; 3] = [1, 7, 56];

impl Window {
    pub(super) const ALL: Self = Self { from_unix_ns: None, to_unix_ns: None };

    /// Returns the stretch that begins and ends with these moments.
    pub(super) const fn between(first_unix_ns: i64, last_unix_ns: i64) -> Self {
        Self { from_unix_ns: Some(first_unix_ns), to_unix_ns: last_unix_ns.checked_add(1) }
    }

    /// Returns what holds for a column of times.
    pub(super) fn condition(self, column: &str, values: &mut Values) -> String {
        let from = self.from_unix_ns.map(|from| format!(" AND {column} >= {}", values.add(Value::Int(from))));
        let to = self.to_unix_ns.map(|to| format!(" AND {column} < {}", values.add(Value::Int(to))));
        from.into_iter().chain(to).collect()
    }
}

impl Days {
    /// Returns stretches that hold all of time, in their order: the first one begins, or ends, with the last or first day.
    pub(super) fn windows(self, descending: bool) -> Vec<Window> {
        let edges = if descending { self.edges_back() } else { self.edges_ahead() };
        let ends = std::iter::once(None).chain(edges.iter().copied().map(Some));
        let begins = edges.iter().copied().map(Some).chain([None]);
        let window = |(one, other)| {
            let (from_unix_ns, to_unix_ns) = if descending { (other, one) } else { (one, other) };
            Window { from_unix_ns, to_unix_ns }
        };
        ends.zip(begins).map(window).collect()
    }

    fn edges_back(self) -> Vec<i64> {
        let mut day = self.last;
        let earlier = DAYS.map(|days| {
            day = day.saturating_sub(days);
            day
        });
        // Before the first day there is little.
        let earlier = earlier.into_iter().filter(|day| *day >= self.first);
        std::iter::once(self.last).chain(earlier).filter_map(start_of).collect()
    }

    fn edges_ahead(self) -> Vec<i64> {
        let mut day = self.first.saturating_add(1);
        let later = DAYS.map(|days| {
            day = day.saturating_add(days);
            day
        });
        let later = later.into_iter().filter(|day| *day <= self.last);
        std::iter::once(self.first.saturating_add(1)).chain(later).filter_map(start_of).collect()
    }
}

const fn start_of(day: i64) -> Option<i64> {
    day.checked_mul(NS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(window: &Window, unix_ns: i64) -> bool {
        window.from_unix_ns.is_none_or(|from| unix_ns >= from) && window.to_unix_ns.is_none_or(|to| unix_ns < to)
    }

    proptest! {
        #[test]
        fn each_moment_is_in_one_window_and_they_are_in_order(
            first in prop_oneof![Just(i64::MIN), Just(i64::MAX), -200_i64..200],
            last in prop_oneof![Just(i64::MIN), Just(i64::MAX), -200_i64..200],
            moments in prop::collection::vec(prop_oneof![Just(i64::MIN), Just(i64::MAX), any::<i64>(), (-300..300_i64).prop_map(|day| day * NS_PER_DAY)], 2),
            descending: bool,
        ) {
            let windows = Days { first, last }.windows(descending);
            let place = |moment| {
                let holding: Vec<usize> = (0..windows.len()).filter(|at| holds(&windows[*at], moment)).collect();
                prop_assert_eq!(holding.len(), 1, "{:?}", windows);
                Ok(holding[0])
            };
            let (one, other) = (place(moments[0])?, place(moments[1])?);
            if one < other {
                prop_assert_eq!(moments[0] > moments[1], descending);
            }
        }
    }

    #[test]
    fn the_first_window_is_a_day() {
        let day = |day: i64| Some(day * NS_PER_DAY);
        let windows = Days { first: 10, last: 300 }.windows(true);
        assert_eq!(windows[0], Window { from_unix_ns: day(300), to_unix_ns: None });
        assert_eq!(windows[1], Window { from_unix_ns: day(299), to_unix_ns: day(300) });
        assert_eq!(windows[4], Window { from_unix_ns: None, to_unix_ns: day(236) });
        assert_eq!(Days { first: 10, last: 10 }.windows(false)[0], Window { from_unix_ns: None, to_unix_ns: day(11) });
        assert_eq!(Days { first: 10, last: 10 }.windows(true).len(), 2);
    }
}
