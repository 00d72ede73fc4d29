//! Tallies: counts and durations of spans per minute, pipeline, name and node, on their way to the table `rollups`. A map's items
//! count together, those included that have no span.
//!
//! Layout: the texts, each once; then for each tally its minute, the numbers of its three texts, its counts and its histogram.

use std::collections::{BTreeMap, HashMap};

use flowglass_model::{Batch, CacheStatus, Rollup, Scalar, Status, Sym, conventions};

use super::histogram::{self, Histogram};
use crate::block::Damaged;
use crate::block::bytes::{Reader, put_stream, put_varint, unzigzag, zigzag};
use crate::hash::BuildFastHasher;

const NS_PER_MINUTE: i64 = 60_000_000_000;

/// What a tally counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TallyKey<'a> {
    /// The minute in which the spans started, since 1970 UTC.
    pub(crate) minute: i64,
    pub(crate) pipeline: &'a str,
    pub(crate) name: &'a str,
    pub(crate) node: &'a str,
}

/// Counts and durations of spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) errors: u64,
    pub(crate) cached: u64,
    pub(crate) total_ns: u64,
    pub(crate) max_ns: u64,
    pub(crate) durations: Histogram,
}

impl Tally {
    pub(crate) fn merge(&mut self, other: &Self) {
        self.add_counts(other);
        self.durations.merge(&other.durations);
    }

    /// Returns what a roll-up counts.
    fn of(rollup: &Rollup) -> Self {
        let Rollup { count, errors, cached, total_ns, max_ns, ref durations, .. } = *rollup;
        Self { count, errors, cached, total_ns, max_ns, durations: Histogram::of(durations) }
    }

    /// Adds all but the histogram.
    pub(crate) const fn add_counts(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.errors = self.errors.saturating_add(other.errors);
        self.cached = self.cached.saturating_add(other.cached);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.max_ns = if self.max_ns > other.max_ns { self.max_ns } else { other.max_ns };
    }
}

/// A minute, and the numbers of a pipeline, a name and a node.
type Place = (i64, [u32; 3]);

/// The tallies of any number of commits.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    texts: Vec<String>,
    numbers: HashMap<String, u32, BuildFastHasher>,
    tallies: HashMap<Place, Tally, BuildFastHasher>,
}

impl Tallies {
    /// Adds stored tallies.
    pub(crate) fn add_stored(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let mut reader = Reader::new(bytes);
        let texts = reader.count()?;
        let texts = (0..texts).map(|_| Ok(self.number(reader.stream()?.rest()))).collect::<Result<Vec<u32>, Damaged>>()?;
        while !reader.is_empty() {
            let place = read_place(&mut reader, &texts)?;
            let tally = self.tallies.entry(place).or_default();
            tally.add_counts(&read_counts(&mut reader)?);
            tally.durations.add_quickly_stored(&mut reader)?;
        }
        Ok(())
    }

    fn number(&mut self, text: &[u8]) -> u32 {
        let text = String::from_utf8_lossy(text);
        if let Some(&number) = self.numbers.get(&*text) {
            return number;
        }
        let number = self.texts.len() as u32;
        self.texts.push(text.clone().into_owned());
        self.numbers.insert(text.into_owned(), number);
        number
    }

    /// Iterates over all tallies, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TallyKey<'_>, &Tally)> {
        self.tallies.iter().map(|((minute, texts), tally)| {
            let [pipeline, name, node] = texts.map(|number| self.texts[number as usize].as_str());
            (TallyKey { minute: *minute, pipeline, name, node }, tally)
        })
    }

    /// Writes the tallies.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.texts.len() as u64);
        self.texts.iter().for_each(|text| put_stream(&mut out, text.as_bytes()));
        let mut places: Vec<_> = self.tallies.iter().collect();
        places.sort_unstable_by_key(|(place, _)| **place);
        for (place, tally) in places {
            put_place(&mut out, place);
            put_counts(&mut out, tally);
            Histogram::put_quickly(tally.durations.buckets(), &mut out);
        }
        out
    }
}

fn put_place(out: &mut Vec<u8>, (minute, texts): &Place) {
    put_varint(out, zigzag(*minute));
    texts.iter().for_each(|&text| put_varint(out, u64::from(text)));
}

fn read_place(reader: &mut Reader<'_>, texts: &[u32]) -> Result<Place, Damaged> {
    let minute = unzigzag(reader.varint()?);
    let mut text = || texts.get(reader.varint32()? as usize).copied().ok_or(Damaged("a tally names a text that isn't there"));
    Ok((minute, [text()?, text()?, text()?]))
}

fn put_counts(out: &mut Vec<u8>, tally: &Tally) {
    // A total that couldn't be counted to its end may be below the longest.
    let others_ns = tally.total_ns.wrapping_sub(tally.max_ns);
    [tally.count, tally.errors, tally.cached, tally.max_ns, others_ns].into_iter().for_each(|number| put_varint(out, number));
}

fn read_counts(reader: &mut Reader<'_>) -> Result<Tally, Damaged> {
    let (count, errors, cached, max_ns) = (reader.varint()?, reader.varint()?, reader.varint()?, reader.varint()?);
    let total_ns = max_ns.wrapping_add(reader.varint()?);
    Ok(Tally { count, errors, cached, total_ns, max_ns, durations: Histogram::default() })
}

/// Tallies the ended spans of batches, and returns the stored form.
pub(crate) fn of(batches: &[&Batch]) -> Vec<u8> {
    let mut counting = Counting::with_room_for(batches.iter().map(|batch| batch.spans.len()).sum());
    for &batch in batches {
        let (mut start, spans) = (0, &batch.spans);
        let mut syms = Syms::of(batch);
        for (row, &end) in spans.attributes.ends.iter().enumerate() {
            let range = start..end as usize;
            start = end as usize;
            let attributes = spans.attributes.keys[range.clone()].iter().zip(&spans.attributes.values[range]);
            counting.add(&mut syms, row, attributes);
        }
    }
    counting.encode()
}

/// Where a batch has the keys that are tallied, and what its texts are called in the tallies.
struct Syms<'a> {
    batch: &'a Batch,
    node: Option<Sym>,
    pipeline: Option<Sym>,
    cache: Option<Sym>,
    unsampled: Option<Sym>,
    /// The number of each text among those of all batches; [`UNKNOWN`] before it is asked for.
    numbers: Vec<u32>,
    /// The number of the name under which spans of each name count.
    names: Vec<u32>,
}

const UNKNOWN: u32 = u32::MAX;

impl<'a> Syms<'a> {
    fn of(batch: &'a Batch) -> Self {
        let sym = |key: &str| (0..batch.arena.len() as u32).map(Sym).find(|&sym| batch.arena.bytes(sym) == key.as_bytes());
        Self {
            batch,
            node: sym(conventions::NODE_ID),
            pipeline: sym(conventions::PIPELINE_NAME),
            cache: sym(conventions::CACHE_STATUS),
            unsampled: sym(conventions::MAP_UNSAMPLED),
            numbers: vec![UNKNOWN; batch.arena.len()],
            names: vec![UNKNOWN; batch.arena.len()],
        }
    }
}

/// Tallies while the rows of batches are walked.
struct Counting<'a> {
    texts: Vec<&'a [u8]>,
    numbers: HashMap<&'a [u8], u32, BuildFastHasher>,
    places: HashMap<Place, u32, BuildFastHasher>,
    tallies: Vec<(Place, Tally)>,
    /// The tally and the bucket of each span: numbers that sort as both do.
    buckets: Vec<u64>,
    /// What maps tell of items without spans, by the number of their tally.
    unsampled: BTreeMap<u32, Tally>,
}

impl<'a> Counting<'a> {
    fn with_room_for(spans: usize) -> Self {
        Self {
            texts: Vec::new(),
            numbers: HashMap::default(),
            places: HashMap::with_capacity_and_hasher(spans, BuildFastHasher::default()),
            tallies: Vec::new(),
            buckets: Vec::with_capacity(spans),
            unsampled: BTreeMap::new(),
        }
    }

    fn add<'b>(&mut self, syms: &mut Syms<'a>, row: usize, attributes: impl Iterator<Item = (&'b Sym, &'b Scalar)>) {
        let batch = syms.batch;
        let spans = &batch.spans;
        let (mut node, mut pipeline, mut cached, mut has_unsampled) = (Sym::EMPTY, Sym::EMPTY, false, false);
        for (key, value) in attributes {
            let Scalar::Str(value) = *value else {
                has_unsampled |= Some(*key) == syms.unsampled;
                continue;
            };
            match Some(*key) {
                key if key == syms.node => node = value,
                key if key == syms.pipeline => pipeline = value,
                key if key == syms.cache => cached = batch.arena.bytes(value) == CacheStatus::Hit.as_str().as_bytes(),
                _ => {}
            }
        }
        let duration_ns = spans.duration_ns[row];
        let (pipeline, node) = (self.number(syms, pipeline), self.number(syms, node));
        let (minute, name) = (spans.start_unix_ns[row].div_euclid(NS_PER_MINUTE), self.name(syms, spans.name[row]));
        if has_unsampled {
            self.add_unsampled(batch, row, |name| (minute, [pipeline, name, node]));
        }
        let place = self.place((minute, [pipeline, name, node]));
        self.buckets.push(u64::from(place) << 32 | u64::from(histogram::bucket(duration_ns).abs_diff(i32::MIN)));
        self.tallies[place as usize].1.add_counts(&Tally {
            count: 1,
            errors: u64::from(spans.status[row] == Status::Error),
            cached: u64::from(cached),
            total_ns: duration_ns,
            max_ns: duration_ns,
            durations: Histogram::default(),
        });
    }

    /// Adds what a map's span tells of items that have none.
    fn add_unsampled(&mut self, batch: &Batch, row: usize, place: impl Fn(u32) -> Place) {
        let Some(map) = batch.spans().nth(row) else { return };
        let Some(items) = Rollup::of_unsampled(|key| map.attribute(key).map(|found| found.to_value())) else { return };
        let name = self.text(Rollup::ALL_ITEMS.as_bytes());
        let place = self.place(place(name));
        self.unsampled.entry(place).or_default().merge(&Tally::of(&items));
    }

    fn number(&mut self, syms: &mut Syms<'a>, sym: Sym) -> u32 {
        let batch = syms.batch;
        known(&mut syms.numbers, sym, || self.text(batch.arena.bytes(sym)))
    }

    /// Returns the number of the name under which spans of this name count.
    fn name(&mut self, syms: &mut Syms<'a>, sym: Sym) -> u32 {
        let batch = syms.batch;
        known(&mut syms.names, sym, || {
            let name = batch.arena.bytes(sym);
            self.text(std::str::from_utf8(name).map_or(name, |name| Rollup::name_of(name).as_bytes()))
        })
    }

    fn text(&mut self, text: &'a [u8]) -> u32 {
        let Self { texts, numbers, .. } = self;
        *numbers.entry(text).or_insert_with(|| {
            texts.push(text);
            texts.len() as u32 - 1
        })
    }

    fn place(&mut self, key: Place) -> u32 {
        let Self { places, tallies, .. } = self;
        *places.entry(key).or_insert_with(|| {
            tallies.push((key, Tally::default()));
            tallies.len() as u32 - 1
        })
    }

    fn encode(mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.tallies.len() * 20);
        put_varint(&mut out, self.texts.len() as u64);
        self.texts.iter().for_each(|text| put_stream(&mut out, text));
        self.buckets.sort_unstable();
        let mut durations = Histogram::default();
        let mut of_tallies = self.buckets.chunk_by(|a, b| a >> 32 == b >> 32).peekable();
        for (number, (place, tally)) in (0_u64..).zip(&mut self.tallies) {
            let buckets = of_tallies.next_if(|buckets| buckets[0] >> 32 == number).unwrap_or_default();
            let buckets = buckets.chunk_by(|a, b| a == b).map(|same| (bucket_of(same[0]), same.len() as u64));
            durations.take_sorted(buckets);
            if let Some(unsampled) = self.unsampled.get(&(number as u32)) {
                tally.add_counts(unsampled);
                durations.merge(&unsampled.durations);
            }
            put_place(&mut out, place);
            put_counts(&mut out, tally);
            Histogram::put_quickly(durations.buckets(), &mut out);
        }
        out
    }
}

/// Returns the number of a text, which is asked for once.
fn known(numbers: &mut [u32], sym: Sym, find: impl FnOnce() -> u32) -> u32 {
    match numbers.get_mut(sym.0 as usize) {
        Some(number) if *number == UNKNOWN => {
            *number = find();
            *number
        }
        Some(number) => *number,
        None => find(),
    }
}

const fn bucket_of(number: u64) -> i32 {
    i32::MIN.wrapping_add_unsigned(number as u32)
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, Span};
    use proptest::prelude::*;

    use super::*;

    fn batch(spans: &[(&str, i64, u64)]) -> Batch {
        let mut builder = BatchBuilder::default();
        for &(node, start_unix_ns, duration_ns) in spans {
            let attributes = vec![
                (conventions::NODE_ID.into(), node.into()),
                (conventions::CACHE_STATUS.into(), CacheStatus::Hit.as_str().into()),
            ];
            let name = format!("node {node}");
            builder.push(&Span { name, start_unix_ns, duration_ns, status: Status::Error, attributes, ..Span::default() });
        }
        builder.finish()
    }

    fn found(tallies: &Tallies) -> Vec<(TallyKey<'_>, Tally)> {
        let mut found: Vec<_> = tallies.iter().map(|(key, tally)| (key, tally.clone())).collect();
        found.sort_by_key(|(key, _)| *key);
        found
    }

    #[test]
    fn a_batch_is_tallied_by_minute_and_node() {
        let mut tallies = Tallies::default();
        let first = batch(&[("a", -1, 10), ("b", 5, 7), ("a", 0, 30), ("a", NS_PER_MINUTE - 1, 10)]);
        tallies.add_stored(&of(&[&first, &batch(&[("a", 1, 20)])])).unwrap();
        let found = found(&tallies);
        let counts = found.iter().map(|(key, tally)| (key.minute, key.node, tally.count, tally.total_ns, tally.max_ns));
        assert_eq!(counts.collect::<Vec<_>>(), [(-1, "a", 1, 10, 10), (0, "a", 3, 60, 30), (0, "b", 1, 7, 7)]);
        assert_eq!(found[1].0, TallyKey { minute: 0, pipeline: "", name: "node a", node: "a" });
        assert_eq!((found[1].1.errors, found[1].1.cached, found[1].1.durations.count()), (3, 3, 3));
    }

    #[test]
    fn tallies_come_back_equal() {
        let mut tallies = Tallies::default();
        let spans = [("a ü", -1, u64::MAX), ("b", 5, 0), ("a ü", 0, u64::MAX), ("", 9, 1)];
        tallies.add_stored(&of(&[&batch(&spans)])).unwrap();
        let mut back = Tallies::default();
        back.add_stored(&tallies.encode()).unwrap();
        assert_eq!(found(&back), found(&tallies));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Tallies::default().add_stored(&bytes);
        }
    }
}
