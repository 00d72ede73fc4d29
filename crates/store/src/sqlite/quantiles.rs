//! Exact quantiles of durations, from all blocks there are.

use std::collections::{BTreeMap, HashMap};
use std::thread;

use flowglass_model::Sym;
use rusqlite::Connection;

use super::SqliteStore;
use super::blocks::Blocks;
use super::failure::Failure;
use super::search::Search;
use crate::{SpanFilter, StoreError};

impl SqliteStore {
    /// Returns the exact duration below which this part of the spans with one name lies, in nanoseconds, interpolated between
    /// neighbours, for each name of spans that have ended. It reads the durations of all of them.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn exact_quantiles(&self, part: f64) -> Result<BTreeMap<String, f64>, StoreError> {
        let blocks = self.look(|transaction, _| blocks_with_spans(transaction))?;
        let (first, second) = blocks.split_at(blocks.len() / 2);
        let (first, second) = thread::scope(|scope| {
            let other = scope.spawn(|| self.durations(second));
            (self.durations(first), other.join())
        });
        let (Ok(mut durations), Ok(Ok(others))) = (first, second) else {
            // Between both looks a merge may have joined blocks: one look alone sees one state.
            return self.exact_quantiles_at_once(part);
        };
        durations.merge(others);
        Ok(quantiles(durations, part))
    }

    fn durations(&self, blocks: &[i64]) -> Result<DurationsByName, StoreError> {
        let mut durations = DurationsByName::default();
        self.look(|transaction, _| durations.add(transaction, blocks))?;
        Ok(durations)
    }

    fn exact_quantiles_at_once(&self, part: f64) -> Result<BTreeMap<String, f64>, StoreError> {
        let mut durations = DurationsByName::default();
        self.look(|transaction, _| durations.add(transaction, &blocks_with_spans(transaction)?))?;
        Ok(quantiles(durations, part))
    }
}

/// Returns the blocks that hold ended spans.
fn blocks_with_spans(connection: &Connection) -> Result<Vec<i64>, Failure> {
    let zones = Search::new(connection, &SpanFilter::default())?.rest()?;
    Ok(zones.into_iter().map(|zone| zone.block).collect())
}

/// Durations by name, in nanoseconds, in no order.
#[derive(Default)]
struct DurationsByName {
    places: HashMap<String, usize>,
    durations: Vec<Vec<u64>>,
}

impl DurationsByName {
    /// Adds those of these blocks.
    fn add(&mut self, connection: &Connection, of: &[i64]) -> Result<(), Failure> {
        let mut blocks = Blocks::new(connection);
        for &block in of {
            let found = blocks.durations(block)?;
            let places: Vec<usize> = (0..found.arena.len() as u32).map(|sym| self.place(found.arena.text(Sym(sym)))).collect();
            for (name, duration) in found.name.iter().zip(found.duration_ns) {
                self.durations[places[name.0 as usize]].push(duration);
            }
        }
        Ok(())
    }

    fn place(&mut self, name: &str) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.durations.push(Vec::new());
        self.places.insert(name.to_owned(), self.durations.len() - 1);
        self.durations.len() - 1
    }

    /// Adds what another has.
    fn merge(&mut self, mut other: Self) {
        for (name, place) in std::mem::take(&mut other.places) {
            let place_here = self.place(&name);
            self.durations[place_here].append(&mut other.durations[place]);
        }
    }

    /// Returns the durations of each name that has some.
    fn finish(mut self) -> impl Iterator<Item = (String, Vec<u64>)> {
        let durations = self.places.into_iter().map(move |(name, place)| (name, std::mem::take(&mut self.durations[place])));
        durations.filter(|(_, durations)| !durations.is_empty())
    }
}

fn quantiles(durations: DurationsByName, part: f64) -> BTreeMap<String, f64> {
    durations.finish().filter_map(|(name, durations)| Some((name, quantile_ns(durations, part)?))).collect()
}

/// Returns the value below which this part of the numbers lies, interpolated as by NumPy's default; nothing of no numbers.
fn quantile_ns(mut numbers: Vec<u64>, part: f64) -> Option<f64> {
    let rank = part.clamp(0.0, 1.0) * numbers.len().checked_sub(1)? as f64;
    let (_, &mut low, above) = numbers.select_nth_unstable(rank as usize);
    let high = above.iter().min().copied().unwrap_or(low);
    Some(low as f64 + (high - low) as f64 * rank.fract())
}
