//! The first things of an answer, out of all that are found in any order.

use std::collections::{BTreeMap, HashMap, HashSet};

use flowglass_model::{SpanId, Status, TraceId};

use super::place::Place;
use super::records::Listed;
use super::{Cursor, Query, Sort, SortKey};

/// Keeps the things that come first in the order of a query, behind its cursor and up to its limit.
///
/// A store offers what matches, in any order; the answer is the same. [`is_full_before`](Self::is_full_before) says when
/// what is still to come can't be part of it.
#[derive(Debug)]
pub struct Collector<'q, T> {
    query: &'q Query,
    after: Option<Place>,
    kept: BTreeMap<Place, Kept<T>>,
    /// How many things are kept, those at one place counted singly.
    count: usize,
    /// Where the spans that were offered are, how certain that is, and when it was written.
    places: HashMap<(TraceId, SpanId, i64), (Place, Rank)>,
    /// Behind this place things may be missing.
    horizon: Option<Place>,
}

/// How certain what is said of a span is, and when it was written.
type Rank = (u8, i64);

#[derive(Debug)]
struct Kept<T> {
    thing: T,
    /// How many equal things there are.
    count: usize,
}

/// Takes things that match, in any order.
pub(crate) trait Takes<T> {
    /// Takes one thing; `written` is larger for what was written later.
    fn offer(&mut self, thing: T, written: i64);

    /// Returns the earliest moment that is still of interest, where the latest things come first.
    fn floor(&self) -> i64;
}

impl<T: Listed> Takes<T> for Collector<'_, T> {
    fn offer(&mut self, thing: T, written: i64) {
        Collector::offer(self, thing, written);
    }

    fn floor(&self) -> i64 {
        match self.last_key() {
            Some(SortKey::Int(unix_ns)) if self.query.sort == Sort::default() => *unix_ns,
            _ => i64::MIN,
        }
    }
}

/// Counts things. A span of which nothing is known for certain counts once, however often it was told.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    certain: u64,
    uncertain: HashSet<(TraceId, SpanId, i64)>,
}

impl Counter {
    /// Counts things that are known without being looked at.
    pub(crate) const fn add(&mut self, things: u64) {
        self.certain = self.certain.saturating_add(things);
    }

    pub(crate) fn finish(self) -> u64 {
        self.certain.saturating_add(self.uncertain.len() as u64)
    }
}

impl<T: Listed> Takes<T> for Counter {
    fn offer(&mut self, thing: T, _: i64) {
        match thing.version() {
            Some((start, rank)) if rank < certainty(Status::Ok) => {
                let (trace, span) = thing.ids();
                self.uncertain.insert((trace, span, start));
            }
            _ => self.certain += 1,
        }
    }

    fn floor(&self) -> i64 {
        i64::MIN
    }
}

impl<'q, T: Listed> Collector<'q, T> {
    /// Begins with nothing.
    #[must_use]
    pub fn new(query: &'q Query) -> Self {
        let after = query.after.as_ref().map(|cursor| Place::of_cursor(cursor, &query.sort));
        Self { query, after, kept: BTreeMap::new(), count: 0, places: HashMap::new(), horizon: None }
    }

    /// Takes one thing that matches; `written` is larger for what was written later.
    pub fn offer(&mut self, thing: T, written: i64) {
        let sort = &self.query.sort;
        let key = sort.key(&thing);
        if self.is_full_before(&key) {
            return;
        }
        let place = Place::new(sort, key, thing.ids(), thing.tie());
        if self.after.as_ref().is_some_and(|after| place < *after) {
            return;
        }
        match thing.version() {
            Some((start, rank)) => self.offer_version(thing, place, start, (rank, written)),
            None => self.keep(place, thing),
        }
        self.cut();
    }

    /// Says whether things with this key, or behind it, can't be part of the answer any more.
    #[must_use]
    pub fn is_full_before(&self, key: &SortKey) -> bool {
        self.last_key().is_some_and(|last| self.query.sort.compare(key, last).is_gt())
    }

    /// Returns the key behind which nothing is of interest any more; nothing while there is room.
    fn last_key(&self) -> Option<&SortKey> {
        // One more than asked for tells whether there is a next page.
        self.kept.last_key_value().filter(|_| self.count > self.room()).map(|(last, _)| &last.key)
    }

    /// How many things of the page before stand at the cursor's place.
    fn seen(&self) -> usize {
        self.query.after.as_ref().map_or(0, |cursor| cursor.seen as usize)
    }

    fn room(&self) -> usize {
        self.query.limit.saturating_add(self.seen())
    }

    /// Of a span that was written several times, what is known for certain stays, then what came last.
    fn offer_version(&mut self, thing: T, place: Place, start_unix_ns: i64, rank: Rank) {
        let (trace, span) = thing.ids();
        let identity = (trace, span, start_unix_ns);
        if let Some((known, other)) = self.places.get(&identity) {
            if *other > rank {
                return;
            }
            self.count -= usize::from(self.kept.remove(known).is_some());
        }
        self.places.insert(identity, (place.clone(), rank));
        self.count += 1;
        self.kept.insert(place, Kept { thing, count: 1 });
    }

    fn keep(&mut self, place: Place, thing: T) {
        self.kept.entry(place).and_modify(|kept| kept.count += 1).or_insert(Kept { thing, count: 1 });
        self.count += 1;
    }

    /// Lets go of what is behind the one thing that tells that there is more.
    fn cut(&mut self) {
        let room = self.room();
        while let Some((last, kept)) = self.kept.last_key_value() {
            let others = self.count - kept.count;
            if others <= room {
                if self.count > room {
                    self.horizon = Some(self.horizon.take().map_or_else(|| last.clone(), |horizon| horizon.min(last.clone())));
                }
                return;
            }
            let last = last.clone();
            self.kept.remove(&last);
            self.count = others;
        }
    }

    /// Returns the things of the page, and where the next one begins if there is more.
    #[must_use]
    pub fn finish(self) -> (Vec<T>, Option<Cursor>)
    where
        T: Clone,
    {
        let (mut things, mut last): (Vec<T>, Option<(Place, u32)>) = (Vec::new(), None);
        let seen = self.seen();
        let horizon = self.horizon;
        let is_known = |place: &Place| horizon.as_ref().is_none_or(|horizon| place <= horizon);
        for (place, kept) in self.kept.into_iter().take_while(|(place, _)| is_known(place)) {
            let skipped = if self.after.as_ref() == Some(&place) { seen } else { 0 };
            for number in skipped..kept.count {
                if things.len() == self.query.limit {
                    return (things, last.map(|(place, seen)| place.into_cursor(seen)));
                }
                things.push(kept.thing.clone());
                last = Some((place.clone(), u32::try_from(number + 1).unwrap_or(u32::MAX)));
            }
        }
        // A span may have left the page because it was written once more, with another place.
        let next = last.filter(|_| horizon.is_some());
        (things, next.map(|(place, seen)| place.into_cursor(seen)))
    }
}

/// Returns a number that is larger for what is known for certain of a span.
pub(crate) const fn certainty(status: Status) -> u8 {
    match status {
        Status::Running => 0,
        Status::Interrupted => 1,
        _ => 2,
    }
}
