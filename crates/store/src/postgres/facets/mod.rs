//! How often what spans say occurs, by day: each commit adds what is in it, in its own transaction, so that a count is exact whenever
//! it is asked for, whoever writes meanwhile. What was written without being counted is known by its day, and counted later.

mod names;
mod tallied;
mod upkeep;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) use names::{EVERY, attribute, text, value};
pub(super) use tallied::{COLUMNS, Count, Tallied};
pub(super) use upkeep::{change, count_day, forget_day, hold, some_day_waits, take_up, wrong};

use parking_lot::Mutex;

use super::asked::Reading;
use super::condition::{Value, Values};
use super::failure::Failure;
use super::partitions::NS_PER_DAY;
use names::{ANY, ATTRIBUTES, MANY};

/// Says for the rest of a transaction that whoever changes spans counts what it changes.
pub(super) const WE_COUNT: &str = "SET LOCAL flowglass.counts = 'on'";

/// Something that is counted: a key with one of some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facet {
    key: String,
    values: Vec<String>,
    /// The numbers of resources that say so of the spans that have no such attribute.
    resources: Vec<i64>,
}

/// A stretch of time, with its first and its last moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) first_unix_ns: i64,
    pub(super) last_unix_ns: i64,
}

impl Times {
    pub(super) const ALL: Self = Self { first_unix_ns: i64::MIN, last_unix_ns: i64::MAX };

    /// Returns what is in both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            first_unix_ns: self.first_unix_ns.max(other.first_unix_ns),
            last_unix_ns: self.last_unix_ns.min(other.last_unix_ns),
        }
    }
}

impl Facet {
    /// Any span.
    pub(super) fn every() -> Self {
        Self { key: EVERY.to_owned(), values: vec![ANY.to_owned()], resources: Vec::new() }
    }

    /// A column, or an [`attribute`], with one of these values.
    pub(super) fn one_of(key: impl Into<String>, values: Vec<String>) -> Self {
        Self { key: key.into(), values, resources: Vec::new() }
    }

    /// An attribute, whatever it says.
    pub(super) fn any(key: String) -> Self {
        Self::one_of(key, vec![ANY.to_owned()])
    }

    /// Or else the resource says so.
    pub(super) fn or_of_resources(self, resources: Vec<i64>) -> Self {
        Self { resources, ..self }
    }
}

/// How often something occurs on each day.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) days: BTreeMap<i64, Count>,
    /// Days of which that isn't known.
    pub(super) unknown: BTreeSet<i64>,
}

/// So often a key with too many values isn't looked up, until it is looked whether it still has.
const TIMES_LEFT_OUT: u32 = 100;
/// So many such keys are remembered.
const MOST_REMEMBERED: usize = 1_000;

/// The keys of which a store has seen lately that they have too many values: to look them up would only take time.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    keys: Mutex<HashMap<String, u32>>,
}

impl GivenUp {
    /// Says whether a key can be left out once more.
    fn leaves_out(&self, key: &str) -> bool {
        let mut keys = self.keys.lock();
        match keys.get_mut(key) {
            Some(0) => keys.remove(key).is_none(),
            Some(times) => {
                *times -= 1;
                true
            }
            None => false,
        }
    }

    fn note(&self, key: &str) {
        let mut keys = self.keys.lock();
        if keys.len() >= MOST_REMEMBERED {
            keys.clear();
        }
        keys.insert(key.to_owned(), TIMES_LEFT_OUT);
    }
}

/// Looks up how often something occurs on each day; nothing where there are days of which that isn't known.
pub(super) fn counted_whole(reading: &Reading<'_>, facet: &Facet) -> Result<Option<BTreeMap<i64, Count>>, Failure> {
    if reading.remembered.given_up.leaves_out(&facet.key) {
        return Ok(None);
    }
    let counted = counted(reading, facet)?;
    if counted.unknown.is_empty() {
        return Ok(Some(counted.days));
    }
    reading.remembered.given_up.note(&facet.key);
    Ok(None)
}

/// Looks up how often something occurs.
pub(super) fn counted(reading: &Reading<'_>, facet: &Facet) -> Result<Counted, Failure> {
    let is_any = facet.values.iter().any(|value| value == ANY);
    let mut counted = look_up(reading, &facet.key, &facet.values, !is_any)?;
    if !facet.resources.is_empty() {
        // Who has the attribute itself is not counted by resource.
        let own = if is_any {
            std::mem::take(&mut counted.days)
        } else {
            look_up(reading, &facet.key, &[ANY.to_owned()], false)?.days
        };
        counted.unknown.extend(own.iter().filter(|(_, count)| count.spans > 0).map(|(day, _)| *day));
        let resources: Vec<String> = facet.resources.iter().filter_map(|number| text(&number.to_string())).collect();
        let of_resources = look_up(reading, "resource", &resources, true)?;
        counted.unknown.extend(of_resources.unknown);
        for (day, count) in of_resources.days {
            counted.days.entry(day).or_insert(Count::NONE).add(&count);
        }
    }
    counted.days.retain(|day, count| count.spans > 0 && !counted.unknown.contains(day));
    Ok(counted)
}

/// What stands there of these keys and values, and what was changed since, by day; a day on which somebody didn't count is told in any
/// case.
const LOOK_UP: &str = "
SELECT t.day, coalesce(sum(t.spans), 0)::bigint, coalesce(sum(t.runs), 0)::bigint, min(t.first), max(t.last), bool_or(t.value = '*')
FROM (
    SELECT f.value, f.day, f.spans, f.runs, f.first_unix_ns AS first, f.last_unix_ns AS last
    FROM unnest($1::text[], $2::text[]) AS p (key, value) JOIN facet f ON f.key = p.key AND f.value = p.value
    UNION ALL SELECT c.value COLLATE \"C\", c.day, c.spans, c.runs, c.first, c.last
    FROM facet_change w CROSS JOIN LATERAL unnest(w.texts, w.days, w.spans, w.runs, w.firsts, w.lasts)
        AS c (value, day, spans, runs, first, last)
    WHERE w.key = ANY($1) AND (w.key, c.value) IN (SELECT * FROM unnest($1::text[], $2::text[]))
    UNION ALL SELECT '*', u.day, 0, 0, NULL, NULL FROM uncounted u
) t GROUP BY t.day";

fn look_up(reading: &Reading<'_>, key: &str, wanted: &[String], are_values: bool) -> Result<Counted, Failure> {
    let many = [are_values.then_some(key), key.starts_with(ATTRIBUTES).then_some(ATTRIBUTES)];
    let pairs = wanted.iter().map(|value| (key, value.as_str())).chain(many.into_iter().flatten().map(|key| (key, MANY)));
    let (keys, texts) = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).unzip();
    let mut values = Values::default();
    values.add(Value::Texts(keys));
    values.add(Value::Texts(texts));
    let mut counted = Counted::default();
    for row in reading.known(LOOK_UP, &values)? {
        let day = row.try_get(0)?;
        if row.try_get(5)? {
            counted.unknown.insert(day);
        } else {
            let (first_unix_ns, last_unix_ns) = (row.try_get(3)?, row.try_get(4)?);
            counted.days.insert(day, Count { spans: row.try_get(1)?, runs: row.try_get(2)?, first_unix_ns, last_unix_ns });
        }
    }
    Ok(counted)
}

impl Counted {
    /// Narrows it to what is in a stretch of time: of days that are in it with a part, nothing is known.
    pub(super) fn within(mut self, times: Times) -> Self {
        let whole = |day: i64| Times::of_day(day).and(times) == Times::of_day(day);
        let part = |day: i64| {
            let part = Times::of_day(day).and(times);
            part.first_unix_ns <= part.last_unix_ns
        };
        self.unknown.extend(self.days.keys().copied().filter(|day| !whole(*day)));
        self.unknown.retain(|day| part(*day));
        self.days.retain(|day, _| whole(*day));
        self
    }
}

impl Times {
    /// Says whether some of what was counted may be in it.
    pub(super) const fn has_some(self, count: &Count) -> bool {
        count.first_unix_ns <= self.last_unix_ns && count.last_unix_ns >= self.first_unix_ns
    }

    fn of_day(day: i64) -> Self {
        let (first_unix_ns, last_unix_ns) = bounds(day);
        Self { first_unix_ns, last_unix_ns }
    }
}

/// Returns the first and the last moment of a day.
pub(super) fn bounds(day: i64) -> (i64, i64) {
    let first_unix_ns = day.saturating_mul(NS_PER_DAY);
    (first_unix_ns, day.checked_add(1).and_then(|next| next.checked_mul(NS_PER_DAY)).map_or(i64::MAX, |next| next - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_looked_up_again_after_some_times() {
        let given_up = GivenUp::default();
        assert!(!given_up.leaves_out("k"));
        given_up.note("k");
        assert!((0..TIMES_LEFT_OUT).all(|_| given_up.leaves_out("k")));
        assert!(!given_up.leaves_out("k") && !given_up.leaves_out("k"));
    }

    #[test]
    fn of_a_stretch_of_time_whole_days_are_known() {
        let count = Count { spans: 1, runs: 0, first_unix_ns: 0, last_unix_ns: 0 };
        let counted = || Counted { days: (0..6).map(|day| (day, count)).collect(), unknown: [6, 9].into() };
        let times = Times { first_unix_ns: NS_PER_DAY, last_unix_ns: 7 * NS_PER_DAY - 1 };
        let narrowed = |times| {
            let Counted { days, unknown } = counted().within(times);
            (days.into_keys().collect::<Vec<_>>(), unknown.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(narrowed(times), (vec![1, 2, 3, 4, 5], vec![6]));
        assert_eq!(narrowed(Times { first_unix_ns: NS_PER_DAY + 1, last_unix_ns: 3 * NS_PER_DAY }), (vec![2], vec![1, 3]));
        assert_eq!(narrowed(Times { first_unix_ns: 5, last_unix_ns: 4 }), (vec![], vec![]));
        assert_eq!(narrowed(Times::ALL), (vec![0, 1, 2, 3, 4, 5], vec![6, 9]));
    }

    #[test]
    fn each_moment_is_within_the_bounds_of_its_day() {
        for unix_ns in [i64::MIN, -1, 0, NS_PER_DAY - 1, NS_PER_DAY, i64::MAX] {
            let (first, last) = bounds(unix_ns.div_euclid(NS_PER_DAY));
            assert!(first <= unix_ns && unix_ns <= last, "{unix_ns}");
        }
        assert_eq!(bounds(1), (NS_PER_DAY, 2 * NS_PER_DAY - 1));
    }
}
