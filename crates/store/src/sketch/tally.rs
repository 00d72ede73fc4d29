//! Tallies: counts and durations of the spans of one commit per minute, pipeline, name and node, on their way to `rollups`.

use std::collections::HashMap;

use flowglass_model::{Batch, CacheStatus, Scalar, SpanRow, Status, Sym, conventions};

use super::histogram::{self, Histogram};
use crate::block::Damaged;
use crate::block::bytes::{Reader, put_stream, put_varint, unzigzag, zigzag};

const NS_PER_MINUTE: i64 = 60_000_000_000;

/// What a tally counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TallyKey {
    /// The minute in which the spans started, since 1970 UTC.
    pub(crate) minute: i64,
    pub(crate) pipeline: String,
    pub(crate) name: String,
    pub(crate) node: String,
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
        self.count = self.count.saturating_add(other.count);
        self.errors = self.errors.saturating_add(other.errors);
        self.cached = self.cached.saturating_add(other.cached);
        self.total_ns = self.total_ns.saturating_add(other.total_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
        self.durations.merge(&other.durations);
    }
}

/// Tallies a batch while its rows are walked.
pub(crate) struct Tallies<'a> {
    batch: &'a Batch,
    node_key: Option<Sym>,
    pipeline_key: Option<Sym>,
    cache_key: Option<Sym>,
    places: HashMap<(i64, Sym, Sym, Sym), usize>,
    tallies: Vec<(Tally, Vec<i32>)>,
}

impl<'a> Tallies<'a> {
    pub(crate) fn new(batch: &'a Batch) -> Self {
        let sym = |key: &str| (0..batch.arena.len() as u32).map(Sym).find(|&sym| batch.arena.bytes(sym) == key.as_bytes());
        Self {
            batch,
            node_key: sym(conventions::NODE_ID),
            pipeline_key: sym(conventions::PIPELINE_NAME),
            cache_key: sym(conventions::CACHE_STATUS),
            places: HashMap::new(),
            tallies: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: &SpanRow, attributes: impl Iterator<Item = (Sym, Scalar)>) {
        let (mut node, mut pipeline, mut cached) = (Sym::EMPTY, Sym::EMPTY, false);
        for (key, value) in attributes {
            let Scalar::Str(value) = value else { continue };
            match Some(key) {
                key if key == self.node_key => node = value,
                key if key == self.pipeline_key => pipeline = value,
                key if key == self.cache_key => cached = self.batch.arena.text(value) == CacheStatus::Hit.as_str(),
                _ => {}
            }
        }
        let (tally, buckets) = self.place((row.start_unix_ns.div_euclid(NS_PER_MINUTE), pipeline, row.name, node));
        tally.count += 1;
        tally.errors += u64::from(row.status == Status::Error);
        tally.cached += u64::from(cached);
        tally.total_ns = tally.total_ns.saturating_add(row.duration_ns);
        tally.max_ns = tally.max_ns.max(row.duration_ns);
        buckets.push(histogram::bucket(row.duration_ns));
    }

    fn place(&mut self, key: (i64, Sym, Sym, Sym)) -> &mut (Tally, Vec<i32>) {
        let Self { places, tallies, .. } = self;
        let place = *places.entry(key).or_insert_with(|| {
            tallies.push(Default::default());
            tallies.len() - 1
        });
        &mut tallies[place]
    }

    pub(crate) fn finish(self) -> Vec<(TallyKey, Tally)> {
        let Self { batch, places, mut tallies, .. } = self;
        let text = |sym| batch.arena.text(sym).to_owned();
        let finished = places.into_iter().map(|((minute, pipeline, name, node), place)| {
            let (mut tally, buckets) = std::mem::take(&mut tallies[place]);
            buckets.into_iter().for_each(|bucket| tally.durations.add(bucket, 1));
            (TallyKey { minute, pipeline: text(pipeline), name: text(name), node: text(node) }, tally)
        });
        let mut finished: Vec<_> = finished.collect();
        finished.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        finished
    }
}

/// Writes the tallies of a commit.
pub(crate) fn encode(tallies: &[(TallyKey, Tally)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, tally) in tallies {
        put_varint(&mut out, zigzag(key.minute));
        for text in [&key.pipeline, &key.name, &key.node] {
            put_stream(&mut out, text.as_bytes());
        }
        for number in [tally.count, tally.errors, tally.cached, tally.total_ns, tally.max_ns] {
            put_varint(&mut out, number);
        }
        tally.durations.put(&mut out);
    }
    out
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<(TallyKey, Tally)>, Damaged> {
    let mut reader = Reader::new(bytes);
    let mut tallies = Vec::new();
    while !reader.is_empty() {
        let minute = unzigzag(reader.varint()?);
        let key = TallyKey { minute, pipeline: text(&mut reader)?, name: text(&mut reader)?, node: text(&mut reader)? };
        let tally = Tally {
            count: reader.varint()?,
            errors: reader.varint()?,
            cached: reader.varint()?,
            total_ns: reader.varint()?,
            max_ns: reader.varint()?,
            durations: Histogram::read(&mut reader)?,
        };
        tallies.push((key, tally));
    }
    Ok(tallies)
}

fn text(reader: &mut Reader<'_>) -> Result<String, Damaged> {
    Ok(String::from_utf8_lossy(reader.stream()?.rest()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tallies_come_back_equal() {
        let mut tally = Tally { count: 3, errors: 1, cached: 2, total_ns: 30, max_ns: 20, ..Tally::default() };
        tally.durations.add(histogram::bucket(10), 3);
        let key = TallyKey { minute: -5, pipeline: "p".into(), name: "node ü".into(), node: String::new() };
        let tallies = [(key.clone(), tally.clone()), (TallyKey { minute: 7, ..key }, Tally::default())];
        assert_eq!(decode(&encode(&tallies)).unwrap(), tallies);
        tally.merge(&tallies[0].1.clone());
        assert_eq!((tally.count, tally.max_ns, tally.durations.count()), (6, 20, 6));
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
