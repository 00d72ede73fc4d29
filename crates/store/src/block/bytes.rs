//! Variable-length numbers and nested streams in byte strings, written without failing and read without trust.

/// Stored bytes were not what an encoder writes; says which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged(pub(crate) &'static str);

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Damaged {}

/// Appends a number in groups of seven bits, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a length and bytes.
pub(crate) fn put_stream(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Returns how many bytes [`put_varint`] takes.
pub(crate) const fn varint_size(number: u64) -> u64 {
    (70 - (number | 1).leading_zeros() as u64) / 7
}

/// Folds a signed number so that small ones of either sign are small.
pub(crate) const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// Undoes [`zigzag`].
pub(crate) const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Reads bytes from the front; every read checks what is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damaged> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(Damaged("bytes end too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damaged> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Damaged("bytes end too early"))?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Damaged> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Damaged> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7f);
            if shift == 63 && group > 1 {
                break;
            }
            number |= group << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged("a number is too long"))
    }

    pub(crate) fn varint32(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.varint()?).map_err(|_| Damaged("a number is too large"))
    }

    /// Reads a count of things that each take at least one of the bytes left, so that room for them can be set aside.
    pub(crate) fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.varint()?;
        usize::try_from(count).ok().filter(|&count| count <= self.rest.len()).ok_or(Damaged("a count is too large"))
    }

    pub(crate) fn stream(&mut self) -> Result<Self, Damaged> {
        let len = self.count()?;
        self.bytes(len).map(Self::new)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Bytes are left.
    pub(crate) fn finish(self) -> Result<(), Damaged> {
        if self.is_empty() { Ok(()) } else { Err(Damaged("bytes are left over")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_equal_and_have_the_stated_size() {
        for number in (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1]).chain([u64::MAX]) {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            assert_eq!(out.len() as u64, varint_size(number), "{number}");
            assert_eq!(Reader::new(&out).varint(), Ok(number));
            let signed = number as i64;
            assert_eq!(unzigzag(zigzag(signed)), signed);
        }
    }

    #[test]
    fn hostile_numbers_are_refused() {
        assert!(Reader::new(&[0xff; 20]).varint().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint().is_err());
        assert!(Reader::new(&[0x80]).varint().is_err());
        assert!(Reader::new(&[5, 1, 2]).stream().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x7f]).varint32().is_err());
        assert!(Reader::new(&[]).byte().is_err());
        assert!(Reader::new(&[1]).finish().is_err());
    }
}
