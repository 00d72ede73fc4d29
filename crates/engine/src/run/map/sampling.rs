//! Which items of a map get spans of their own.

use serde::{Deserialize, Serialize};

/// Which items of a map get spans. What is left out still counts in the map's aggregates, and a failed item always has its
/// span.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum MapItems {
    /// All up to 1,000, else about 1,000 of them, chosen by a hash of their index. Of a stream, whose length nobody knows, the
    /// share is halved whenever 1,000 more are kept.
    #[default]
    Auto,
    /// All.
    Each,
    /// About this fraction, in [0, 1], chosen by a hash of their index.
    Sampled(f64),
    /// None.
    Off,
}

/// From this many items on, [`MapItems::Auto`] samples.
const AUTO_ITEMS: u64 = 1_000;

/// Decides for one map, item by item.
#[derive(Debug)]
pub(crate) struct Sampling {
    rate: f64,
    /// How many more are kept before the rate is halved, where it ever is.
    until_half: Option<u64>,
}

impl Sampling {
    /// Prepares to decide for a map of so many items, if that is known.
    pub(crate) fn new(rule: MapItems, total: Option<u64>) -> Self {
        let rate = match (rule, total) {
            #[expect(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
            (MapItems::Auto, Some(total)) if total > AUTO_ITEMS => AUTO_ITEMS as f64 / total as f64,
            (MapItems::Auto | MapItems::Each, _) => 1.0,
            (MapItems::Sampled(rate), _) => rate,
            (MapItems::Off, _) => 0.0,
        };
        let until_half = (rule == MapItems::Auto && total.is_none()).then_some(AUTO_ITEMS);
        Self { rate, until_half }
    }

    /// Says whether the item with this index is recorded.
    pub(crate) fn keeps(&mut self, index: u64) -> bool {
        let keeps = self.rate >= 1.0 || (self.rate > 0.0 && position(index) < self.rate);
        if keeps && let Some(left) = &mut self.until_half {
            *left -= 1;
            if *left == 0 {
                *left = AUTO_ITEMS;
                self.rate /= 2.0;
            }
        }
        keeps
    }
}

/// Puts an index somewhere in [0, 1), neighbours far apart, by SplitMix64's finaliser
/// (<https://prng.di.unimi.it/splitmix64.c>): the same in every process.
fn position(index: u64) -> f64 {
    let mut hash = index.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    #[expect(clippy::cast_precision_loss, reason = "the 53 upper bits are exact")]
    let position = (hash >> 11) as f64 / (1u64 << 53) as f64;
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(rule: MapItems, items: u64, total: Option<u64>) -> u64 {
        let mut sampling = Sampling::new(rule, total);
        (0..items).map(|index| u64::from(sampling.keeps(index))).sum()
    }

    #[test]
    fn few_items_are_all_kept_and_many_are_sampled() {
        assert_eq!(kept(MapItems::Auto, 1_000, Some(1_000)), 1_000);
        let sampled = kept(MapItems::Auto, 100_000, Some(100_000));
        assert!((900..1_100).contains(&sampled), "{sampled}");
        assert_eq!(kept(MapItems::Each, 5_000, Some(5_000)), 5_000);
        assert_eq!(kept(MapItems::Off, 10, Some(10)), 0);
        assert_eq!(kept(MapItems::Sampled(1.0), 100, None), 100);
    }

    #[test]
    fn a_stream_halves_its_share_whenever_a_thousand_are_kept() {
        assert_eq!(kept(MapItems::Auto, 1_000, None), 1_000);
        let kept = kept(MapItems::Auto, 1_000_000, None);
        // 1,000 of the first 1,000, of the next 2,000, of the next 4,000, …
        assert!((9_000..11_000).contains(&kept), "{kept}");
    }
}
