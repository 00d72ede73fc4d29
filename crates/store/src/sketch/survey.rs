//! The survey of batches before they are committed: one walk over their rows makes all sketches of their segment.

use flowglass_model::{AttributeColumns, Batch};

use super::facets::{Facets, MOST_VALUES_OF_A_BLOCK};
use super::fingerprint::{self, Hashes, KeyPrints};
use super::postings::{self, Entry};
use super::tally;

/// The sketches of one segment.
#[derive(Debug)]
pub(crate) struct Survey {
    /// Sorted, each there once.
    pub(crate) entries: Vec<Entry>,
    pub(crate) facets: Facets,
    /// Stored tallies.
    pub(crate) tallies: Vec<u8>,
}

impl Survey {
    /// Walks over what ended in these batches, each of which is the block at its place. Attributes are those of spans.
    pub(crate) fn of(batches: &[&Batch]) -> Self {
        let (mut entries, mut facets) = (Vec::new(), Facets::default());
        for (place, batch) in batches.iter().enumerate() {
            let fingerprints = fingerprints(batch, &mut facets);
            entries.extend(fingerprints.into_iter().map(|fingerprint| Entry::new(fingerprint, place as u32)));
        }
        postings::sort(&mut entries);
        Self { entries, facets, tallies: tally::of(batches) }
    }
}

/// Returns all entries of one batch at place 0, sorted, each there once.
pub(crate) fn entries(batch: &Batch) -> Vec<Entry> {
    let fingerprints = fingerprints(batch, &mut Facets::default());
    let mut entries: Vec<Entry> = fingerprints.into_iter().map(|fingerprint| Entry::new(fingerprint, 0)).collect();
    postings::sort(&mut entries);
    entries
}

/// Returns the fingerprints of all that can be looked for in a batch, some of them more than once, and counts its attributes.
fn fingerprints(batch: &Batch, facets: &mut Facets) -> Vec<u64> {
    let mut hashes = Hashes::new(&batch.arena);
    let mut fingerprints = traces(batch);
    fingerprints.extend(names(batch, &mut hashes));
    for (key, values) in values_by_key(&batch.spans.attributes, &mut hashes) {
        match few(&values) {
            Some(counts) => {
                fingerprints.extend(counts.iter().map(|(value, _)| *value));
                facets.count(key, counts.into_iter());
            }
            None => {
                fingerprints.extend(values);
                facets.give_up(key);
            }
        }
    }
    fingerprints
}

/// Counts values, if there are few different ones: most keys have very few or very many, and neither needs sorting.
fn few(values: &[u64]) -> Option<Vec<(u64, u64)>> {
    const SLOTS: usize = MOST_VALUES_OF_A_BLOCK * 4;
    let (mut slots, mut counts) = ([0u8; SLOTS], Vec::<(u64, u64)>::new());
    for &value in values {
        let mut slot = value as usize % SLOTS;
        let place = loop {
            match slots[slot] {
                0 if counts.len() == MOST_VALUES_OF_A_BLOCK => return None,
                0 => {
                    counts.push((value, 0));
                    slots[slot] = counts.len() as u8;
                    break counts.len() - 1;
                }
                place if counts[usize::from(place) - 1].0 == value => break usize::from(place) - 1,
                _ => slot = (slot + 1) % SLOTS,
            }
        };
        counts[place].1 += 1;
    }
    Some(counts)
}

/// Counts each value of each attribute of a batch's spans: the hash of its key, its fingerprint, and how often it occurs.
pub(crate) fn counts(batch: &Batch) -> Vec<(u64, u64, u64)> {
    let mut counts = Vec::new();
    for (key, mut values) in values_by_key(&batch.spans.attributes, &mut Hashes::new(&batch.arena)) {
        values.sort_unstable();
        counts.extend(values.chunk_by(|a, b| a == b).map(|same| (key, same[0], same.len() as u64)));
    }
    counts
}

/// Rows of one trace mostly follow each other.
fn traces(batch: &Batch) -> Vec<u64> {
    let columns = [&batch.spans.trace_id, &batch.events.trace_id, &batch.links.trace_id, &batch.logs.trace_id];
    let traces = columns.into_iter().flat_map(|column| column.chunk_by(|a, b| a == b).map(|same| same[0]));
    traces.flat_map(|trace| [fingerprint::trace(trace), fingerprint::beginning(trace)]).collect()
}

fn names(batch: &Batch, hashes: &mut Hashes<'_>) -> Vec<u64> {
    let mut names = [batch.spans.name.as_slice(), &batch.metrics.name].concat();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| fingerprint::named(hashes.of(name))).collect()
}

/// Returns for each key, by its hash, the fingerprints of its values, one for each attribute that has it.
fn values_by_key(columns: &AttributeColumns, hashes: &mut Hashes<'_>) -> Vec<(u64, Vec<u64>)> {
    let mut places: Vec<u32> = Vec::new();
    let mut by_key: Vec<(KeyPrints, Vec<u64>)> = Vec::new();
    for (&key, &value) in columns.keys.iter().zip(&columns.values) {
        let at = key.0 as usize;
        if at >= places.len() {
            places.resize(at + 1, 0);
        }
        if places[at] == 0 {
            by_key.push((hashes.key(key), Vec::with_capacity(columns.ends.len())));
            places[at] = by_key.len() as u32;
        }
        let (key, fingerprints) = &mut by_key[places[at] as usize - 1];
        fingerprints.push(key.with(hashes.value(value)));
    }
    by_key.into_iter().map(|(key, fingerprints)| (key.hash, fingerprints)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn few_values_are_counted_as_by_sorting(values in prop::collection::vec(0u64..90, 0..300)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let expected: Vec<(u64, u64)> = sorted.chunk_by(|a, b| a == b).map(|same| (same[0], same.len() as u64)).collect();
            let found = few(&values).map(|mut counts| {
                counts.sort_unstable();
                counts
            });
            prop_assert_eq!(found, (expected.len() <= MOST_VALUES_OF_A_BLOCK).then_some(expected));
        }
    }
}
