//! Streams of bits, and Rice codes in them: short numbers for gaps whose usual size is known.

use crate::block::Damaged;

/// Writes bits, the lowest of each byte first.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter {
    /// Writes the `count` lowest bits of a number, at most 32.
    #[inline]
    pub(crate) fn put(&mut self, number: u64, count: u32) {
        self.held |= (number & ((1 << count) - 1)) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.bytes.extend((self.held as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    /// Writes a number: what exceeds `low` bits as that many ones and a zero, then the low bits.
    #[inline]
    pub(crate) fn put_rice(&mut self, number: u64, low: u32) {
        let ones = number >> low;
        if ones + u64::from(low) < 32 {
            let ones = ones as u32;
            let low_bits = number & ((1 << low) - 1);
            return self.put(((1 << ones) - 1) | low_bits << (ones + 1), ones + 1 + low);
        }
        self.put_long_rice(number, low);
    }

    fn put_long_rice(&mut self, number: u64, low: u32) {
        let mut ones = number >> low;
        while ones > 30 {
            self.put(u64::MAX, 30);
            ones -= 30;
        }
        self.put((1 << ones) - 1, ones as u32 + 1);
        self.put(number, low);
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let rest = self.held.to_le_bytes();
        self.bytes.extend(&rest[..self.count.div_ceil(8) as usize]);
        self.bytes
    }
}

/// Reads what a [`BitWriter`] wrote.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, held: 0, count: 0 }
    }

    /// Holds 32 bits or more, unless the end is near.
    #[inline]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some((word, rest)) = self.bytes.split_first_chunk::<4>() {
            self.held |= u64::from(u32::from_le_bytes(*word)) << self.count;
            self.bytes = rest;
            self.count += 32;
            return;
        }
        while let [byte, rest @ ..] = self.bytes {
            self.held |= u64::from(*byte) << self.count;
            self.bytes = rest;
            self.count += 8;
        }
    }

    fn take(&mut self, count: u32) -> Result<u64, Damaged> {
        self.fill();
        if count > self.count {
            return Err(Damaged("bits end too early"));
        }
        let number = self.held & ((1 << count) - 1);
        self.held >>= count;
        self.count -= count;
        Ok(number)
    }

    /// Reads so many bits, at most 32.
    pub(crate) fn bits(&mut self, count: u32) -> Result<u64, Damaged> {
        self.take(count)
    }

    /// Reads what [`BitWriter::put_rice`] wrote with as many low bits, at most 32.
    #[inline]
    pub(crate) fn rice(&mut self, low: u32) -> Result<u64, Damaged> {
        self.fill();
        let ones = self.held.trailing_ones();
        let length = ones + 1 + low;
        if length > self.count.min(32) {
            return self.long_rice(low);
        }
        let low_bits = self.held >> (ones + 1) & ((1 << low) - 1);
        self.held >>= length;
        self.count -= length;
        Ok(u64::from(ones) << low | low_bits)
    }

    fn long_rice(&mut self, low: u32) -> Result<u64, Damaged> {
        let mut high = 0u64;
        loop {
            self.fill();
            let ones = self.held.trailing_ones();
            if ones < self.count {
                high += u64::from(ones);
                self.take(ones)?;
                self.take(1)?;
                break;
            }
            high += u64::from(self.count);
            if self.bytes.is_empty() {
                return Err(Damaged("bits end too early"));
            }
            (self.held, self.count) = (0, 0);
        }
        Ok(high << low | self.take(low)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_equal() {
        let mut rng = fastrand::Rng::with_seed(1);
        for low in [0, 1, 7, 13, 20, 31] {
            let numbers: Vec<u64> = (0..500).map(|_| rng.u64(0..(1 << low) * 4 + 50)).collect();
            let mut writer = BitWriter::default();
            numbers.iter().for_each(|&number| writer.put_rice(number, low));
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            let found: Vec<u64> = numbers.iter().map(|_| reader.rice(low).unwrap()).collect();
            assert_eq!(found, numbers, "{low}");
        }
    }

    #[test]
    fn the_end_is_an_error() {
        assert!(BitReader::new(&[]).rice(0).is_err());
        assert!(BitReader::new(&[0xff; 9]).rice(3).is_err());
        assert!(BitReader::new(&[0]).rice(20).is_err());
    }
}
