//! What a commit adds to the counts: how often each value occurs in it, by day.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use flowglass_model::{AttributeValue, Attributes, Span};

use super::super::copy::Rows;
use super::super::json;
use super::super::partitions::NS_PER_DAY;
use super::names::{self, ANY, MANY};
use crate::hash::BuildFastHasher;
use crate::sketch::facets::MOST_VALUES_OF_A_BLOCK;

/// The columns of a change, in the order in which they are written.
pub(in super::super) const COLUMNS: &str = "key, texts, days, spans, runs, firsts, lasts";

/// How often something occurs: in how many spans, how many of these are roots of runs, and between which times they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Count {
    pub(in super::super) spans: i64,
    pub(in super::super) runs: i64,
    pub(in super::super) first_unix_ns: i64,
    pub(in super::super) last_unix_ns: i64,
}

impl Count {
    /// Nothing yet.
    pub(super) const NONE: Self = Self { spans: 0, runs: 0, first_unix_ns: i64::MAX, last_unix_ns: i64::MIN };

    fn of(span: &Span) -> Self {
        let (first_unix_ns, last_unix_ns) = (span.start_unix_ns, span.start_unix_ns);
        Self { spans: 1, runs: i64::from(span.is_run_root()), first_unix_ns, last_unix_ns }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.spans += other.spans;
        self.runs += other.runs;
        self.first_unix_ns = self.first_unix_ns.min(other.first_unix_ns);
        self.last_unix_ns = self.last_unix_ns.max(other.last_unix_ns);
    }
}

/// Of a commit with more keys on one day, no attributes are counted.
const MOST_KEYS: usize = 256;

/// How often each value of a key occurs on one day.
#[derive(Debug)]
struct Values {
    any: Count,
    /// Nothing where they are too many.
    each: Option<HashMap<String, Count, BuildFastHasher>>,
}

impl Default for Values {
    fn default() -> Self {
        Self { any: Count::NONE, each: Some(HashMap::default()) }
    }
}

impl Values {
    /// Counts a value if there are not too many.
    fn add(&mut self, value: &str, count: &Count) {
        let Some(each) = &mut self.each else { return };
        if let Some(known) = each.get_mut(value) {
            known.add(count);
        } else if each.len() == MOST_VALUES_OF_A_BLOCK {
            self.each = None;
        } else {
            each.insert(value.to_owned(), *count);
        }
    }

    /// Says how often each value occurs.
    fn tell<'v>(&'v self, day: i64, told: &mut Vec<(&'v str, i64, Count)>) {
        if self.any.spans > 0 {
            told.push((ANY, day, self.any));
        }
        match &self.each {
            Some(each) => told.extend(each.iter().map(|(value, count)| (value.as_str(), day, *count))),
            None => told.push((MANY, day, Count { first_unix_ns: 0, last_unix_ns: 0, ..Count::NONE })),
        }
    }
}

/// The counts of one commit.
#[derive(Debug, Default)]
pub(in super::super) struct Tallied {
    days: BTreeMap<i64, Day>,
    /// Where a value is made.
    value: String,
}

/// The counts of one day.
#[derive(Debug, Default)]
struct Day {
    values: Vec<(String, Values)>,
    places: HashMap<String, usize>,
    /// Which attribute was last seen at each place in a span, and where its values are: mostly, it is there again.
    guesses: Vec<(String, usize)>,
}

impl Day {
    fn of(&mut self, key: &str) -> &mut Values {
        let at = self.place(key);
        &mut self.values[at].1
    }

    fn place(&mut self, key: &str) -> usize {
        if let Some(at) = self.places.get(key) {
            return *at;
        }
        self.places.insert(key.to_owned(), self.values.len());
        self.values.push((key.to_owned(), Values::default()));
        self.values.len() - 1
    }

    /// Says whether there are not too many attributes.
    fn are_few(&self) -> bool {
        self.values.len() < MOST_KEYS || self.places.get(names::ATTRIBUTES).is_none_or(|at| self.values[*at].1.each.is_some())
    }

    /// Returns where the values of an attribute are that stands at this place in a span; nothing where it is not counted.
    fn place_of_attribute(&mut self, at: usize, name: &str) -> Option<usize> {
        if let Some((_, place)) = self.guesses.get(at).filter(|(guess, _)| guess == name) {
            return Some(*place);
        }
        let key = names::attribute(name)?;
        if self.values.len() >= MOST_KEYS && !self.places.contains_key(&key) {
            self.of(names::ATTRIBUTES).each = None;
            return None;
        }
        let place = self.place(&key);
        if at >= self.guesses.len() {
            self.guesses.resize(at + 1, (String::new(), place));
        }
        self.guesses[at] = (name.to_owned(), place);
        Some(place)
    }
}

impl Tallied {
    /// Counts a span, which stands in the table as one of this resource, and as a run of this name if it is the root of one.
    pub(in super::super) fn add(&mut self, span: &Span, resource: i64, run: Option<&str>) {
        let (count, Self { days, value }) = (Count::of(span), self);
        let day = days.entry(span.start_unix_ns.div_euclid(NS_PER_DAY)).or_default();
        day.of(names::EVERY).any.add(&count);
        let words = [("kind", span.kind.as_str()), ("type", span.span_type.as_str()), ("status", span.status.as_str())];
        let texts = [("name", span.name.as_str())].into_iter().chain(words).chain(run.map(|run| ("run", run)));
        for (column, text) in texts {
            if names::put_text(value, text) {
                day.of(column).add(value, &count);
            }
        }
        if names::put_text(value, &resource.to_string()) {
            day.of("resource").add(value, &count);
        }
        for (at, (name, attribute)) in stored(&span.attributes).iter().enumerate() {
            let Some(place) = day.place_of_attribute(at, name) else { continue };
            let values = &mut day.values[place].1;
            values.any.add(&count);
            if values.each.is_some() && names::put(value, attribute) {
                values.add(value, &count);
            }
        }
    }

    /// Returns the rows that say so.
    pub(in super::super) fn rows(&self) -> Rows {
        let is_told = |key: &str, keys: &Day| key == names::ATTRIBUTES || !key.starts_with(names::ATTRIBUTES) || keys.are_few();
        let mut by_key: BTreeMap<&str, Vec<(&str, i64, Count)>> = BTreeMap::new();
        for (day, keys) in &self.days {
            for (key, values) in keys.values.iter().filter(|(key, _)| is_told(key, keys)) {
                values.tell(*day, by_key.entry(key).or_default());
            }
        }
        let mut rows = Rows::default();
        by_key.iter().for_each(|(key, told)| put(&mut rows, key, told));
        rows
    }
}

/// Returns the attributes as `jsonb` keeps them: each key once, the last of those that have the same name there.
fn stored(attributes: &Attributes) -> Cow<'_, Attributes> {
    let names = || attributes.iter().enumerate().map(|(at, (key, _))| (json::name(attributes, at), key));
    if names().all(|(name, key)| name == key.as_str() && json::is_exact(key)) {
        return Cow::Borrowed(attributes);
    }
    let stored: BTreeMap<String, &AttributeValue> =
        names().zip(attributes).map(|((name, _), (_, value))| (json::storable(&name).into_owned(), value)).collect();
    Cow::Owned(stored.into_iter().map(|(name, value)| (name, value.clone())).collect())
}

fn put(rows: &mut Rows, key: &str, told: &[(&str, i64, Count)]) {
    let number = |of: fn(&Count) -> i64| told.iter().map(move |(.., count)| of(count));
    rows.row(7).text(key).texts(told.iter().map(|(value, ..)| *value)).ints(told.iter().map(|(_, day, _)| *day));
    rows.ints(number(|count| count.spans)).ints(number(|count| count.runs));
    rows.ints(number(|count| count.first_unix_ns)).ints(number(|count| count.last_unix_ns));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(attributes: &[(&str, i64)]) -> Span {
        let attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        Span { attributes, ..Span::default() }
    }

    fn counted(tallied: &mut Tallied, key: &str) -> (i64, Option<i64>) {
        let values = tallied.days.get_mut(&0).unwrap().of(key);
        (values.any.spans, values.each.as_ref().map(|each| each.values().map(|count| count.spans).sum()))
    }

    #[test]
    fn a_key_that_has_too_many_values_is_counted_all_the_same() {
        let mut tallied = Tallied::default();
        for number in 0..100 {
            tallied.add(&span(&[("few", number % 3), ("many", number)]), 7, None);
        }
        assert_eq!(counted(&mut tallied, ".few"), (100, Some(100)));
        assert_eq!(counted(&mut tallied, ".many"), (100, None));
        assert_eq!(counted(&mut tallied, "resource").1, Some(100));
        assert_eq!(counted(&mut tallied, names::EVERY), (100, Some(0)));
        assert!(!tallied.rows().is_empty() && Tallied::default().rows().is_empty());
    }

    #[test]
    fn attributes_with_too_many_keys_are_not_counted() {
        let mut tallied = Tallied::default();
        for number in 0..2 * MOST_KEYS {
            tallied.add(&span(&[("same", 1), (&format!("key {number}"), 1)]), 7, None);
        }
        let rows = String::from_utf8_lossy(&tallied.rows().finished()).into_owned();
        assert!(rows.contains("resource") && !rows.contains(".same") && rows.contains(MANY));
    }

    #[test]
    fn a_key_that_stands_there_again_is_counted_as_json_keeps_it() {
        let mut tallied = Tallied::default();
        tallied.add(&span(&[("k", 1), ("k", 2), ("k#2", 3)]), 7, None);
        tallied.add(&span(&[("k", 1), ("l\0", 2)]), 7, None);
        assert_eq!([".k", ".k#2", ".l\u{1}"].map(|key| counted(&mut tallied, key).0), [2, 1, 1]);
        assert_eq!(
            tallied.days[&0]
                .values
                .iter()
                .find(|(key, _)| key == ".k#2")
                .unwrap()
                .1
                .each
                .as_ref()
                .unwrap()
                .get("n3")
                .unwrap()
                .spans,
            1
        );
    }
}
