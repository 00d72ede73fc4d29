//! Numbers as bits side by side: for those that look random, which no compressor makes smaller and a reader then has at once.

use super::bytes::{Damaged, Reader, put_varint};

/// Fewer numbers than this are never packed.
const FEWEST: usize = 32;
const SAMPLES: usize = 64;
/// Narrower numbers repeat themselves, and compress.
const LEAST_WIDTH: u32 = 8;
/// A number that begins anywhere in a byte then lies within eight of them.
const MOST_WIDTH: u32 = 56;

/// How numbers are packed: each as so many bits above the least of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    least: u64,
    width: u32,
}

impl Packing {
    /// Finds the packing of numbers that look random, if that takes no more than they would otherwise: `other_bytes` uncompressed.
    pub(super) fn of_noise(numbers: impl ExactSizeIterator<Item = u64> + Clone, other_bytes: u64) -> Option<Self> {
        let count = numbers.len();
        if count < FEWEST {
            return None;
        }
        let least = numbers.clone().min()?;
        let range = numbers.clone().max()? - least;
        let width = u64::BITS - range.leading_zeros();
        // Bytes that vary in a few of their bits get smaller by about a tenth.
        let pays = u64::from(width) * count as u64 <= other_bytes * 8 / 10 * 9;
        let fits = (LEAST_WIDTH..=MOST_WIDTH).contains(&width);
        (fits && pays && looks_random(numbers, range)).then_some(Self { least, width })
    }

    /// Writes the packing itself.
    pub(super) fn put(self, out: &mut Vec<u8>) {
        out.push(self.width as u8);
        put_varint(out, self.least);
    }

    /// Reads what [`put`](Self::put) wrote.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Damaged> {
        let width = u32::from(reader.byte()?);
        let least = reader.varint()?;
        let fits = (LEAST_WIDTH..=MOST_WIDTH).contains(&width);
        if fits { Ok(Self { least, width }) } else { Err(Damaged("numbers are packed in an unknown way")) }
    }

    /// Appends the numbers.
    pub(super) fn pack(self, numbers: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
        let (mut held, mut bits) = (0u64, 0);
        for number in numbers {
            held |= (number - self.least) << bits;
            bits += self.width;
            while bits >= 8 {
                out.push(held as u8);
                held >>= 8;
                bits -= 8;
            }
        }
        if bits > 0 {
            out.push(held as u8);
        }
    }

    /// Returns how many bytes so many numbers take, if there can be so many.
    fn size(self, count: usize) -> Option<usize> {
        Some(count.checked_mul(self.width as usize)?.div_ceil(8))
    }

    /// Passes over so many numbers.
    pub(super) fn skip(self, reader: &mut Reader<'_>, count: usize) -> Result<(), Damaged> {
        let size = self.size(count).ok_or(Damaged("a count is too large"))?;
        reader.bytes(size).map(|_| ())
    }

    /// Reads so many numbers.
    pub(super) fn unpack(self, reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>, Damaged> {
        let size = self.size(count).ok_or(Damaged("a count is too large"))?;
        let mut bytes = reader.bytes(size)?.to_vec();
        bytes.extend([0; 8]);
        let mask = (1u64 << self.width) - 1;
        let number = |at: usize| {
            let bit = at * self.width as usize;
            let word = bytes[bit / 8..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            self.least.wrapping_add(word >> (bit % 8) & mask)
        };
        Ok((0..count).map(number).collect())
    }
}

/// Says whether samples hardly repeat and jump about, as what is counted or sorted does not.
fn looks_random(numbers: impl ExactSizeIterator<Item = u64>, range: u64) -> bool {
    let step = numbers.len().div_ceil(SAMPLES).max(1);
    let mut samples: Vec<u64> = numbers.step_by(step).collect();
    let jumps = samples.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > range / 16).count();
    let count = samples.len();
    samples.sort_unstable();
    samples.dedup();
    samples.len() * 8 >= count * 7 && jumps * 2 > count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packing(numbers: &[u64], other_bytes: u64) -> Option<Packing> {
        Packing::of_noise(numbers.iter().copied(), other_bytes)
    }

    proptest! {
        #[test]
        fn numbers_come_back_equal(numbers in prop::collection::vec(any::<u64>(), 1..200), width in LEAST_WIDTH..=MOST_WIDTH) {
            let least = numbers[0] >> 8;
            let numbers: Vec<u64> = numbers.iter().map(|number| least + (number >> (64 - width))).collect();
            let (packing, mut out, mut head) = (Packing { least, width }, Vec::new(), Vec::new());
            packing.put(&mut head);
            packing.pack(numbers.iter().copied(), &mut out);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(Packing::read(&mut Reader::new(&head)), Ok(packing));
            prop_assert_eq!(packing.unpack(&mut reader, numbers.len()).unwrap(), numbers);
            reader.finish().unwrap();
        }

        #[test]
        fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), count: usize) {
            let mut reader = Reader::new(&bytes);
            if let Ok(packing) = Packing::read(&mut reader) {
                prop_assert!(packing.unpack(&mut reader, count).is_err() || count <= bytes.len());
            }
        }
    }

    #[test]
    fn only_noise_is_packed() {
        let mut rng = fastrand::Rng::with_seed(1);
        let random: Vec<u64> = (0..500).map(|_| rng.u64(1000..100_000)).collect();
        assert_eq!(packing(&random, 500 * 3), Some(Packing { least: *random.iter().min().unwrap(), width: 17 }));
        assert_eq!(packing(&random, 500 * 2), None, "something else is smaller");
        assert_eq!(packing(&random[..20], 60), None);
        let counted: Vec<u64> = (0..500).map(|at| at * 1000).collect();
        let few: Vec<u64> = (0..500).map(|_| rng.u64(0..5) * 100_000).collect();
        let mut outlier = random.clone();
        outlier[7] = 1 << 50;
        assert_eq!([packing(&counted, 1500), packing(&few, 1500), packing(&outlier, 1500)], [None; 3]);
    }
}
