//! Exact quantiles of durations, from all blocks there are.

use std::collections::BTreeMap;
use std::thread;

use super::SqliteStore;
use super::spans::{self, DurationsByName};
use crate::StoreError;

impl SqliteStore {
    /// Returns the exact duration below which this part of the spans with one name lies, in nanoseconds, interpolated between
    /// neighbours, for each name of spans that have ended. It reads the durations of all of them.
    ///
    /// # Errors
    /// `Corrupt`, `Busy`, `Io`.
    pub fn exact_quantiles(&self, part: f64) -> Result<BTreeMap<String, f64>, StoreError> {
        let blocks = self.look(|transaction, _| spans::blocks_with_spans(transaction))?;
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
        self.look(|transaction, _| durations.add(transaction, &spans::blocks_with_spans(transaction)?))?;
        Ok(quantiles(durations, part))
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
