//! What stands before a frame's bytes: how many they are, how many items they hold, two checksums and whether they have arrived.
//!
//! `FGF1`, the length, the items, a checksum of the bytes, one of all that so far, and `sent` or zeros: four bytes each, numbers
//! little-endian. The mark stands outside the checksums, so that four bytes written in place say that a frame has arrived.

/// How long a head is, in bytes.
pub(crate) const SIZE: usize = 24;
/// Where the mark stands in it.
pub(crate) const MARK_AT: u64 = 20;
/// The mark of a frame that has arrived. No single changed bit makes it of zeros.
pub(crate) const SENT: [u8; 4] = *b"sent";
/// What every head begins with.
pub(crate) const MAGIC: [u8; 4] = *b"FGF1";

/// What a head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// How many bytes stand behind it.
    pub(crate) length: u32,
    /// How many items they hold.
    pub(crate) items: u32,
    /// Whether they have arrived.
    pub(crate) is_sent: bool,
    checksum: u32,
}

impl Head {
    /// Makes the head of a frame; nothing where the frame is too long.
    pub(crate) fn of(items: u32, bytes: &[u8]) -> Option<Self> {
        let length = u32::try_from(bytes.len()).ok()?;
        Some(Self { length, items, is_sent: false, checksum: crc32fast::hash(bytes) })
    }

    pub(crate) fn to_bytes(self) -> [u8; SIZE] {
        let [length, items, checksum] = [self.length, self.items, self.checksum].map(u32::to_le_bytes);
        let own = own_checksum(length, items, checksum).to_le_bytes();
        let mark = if self.is_sent { SENT } else { [0; 4] };
        let mut bytes = [0; SIZE];
        bytes.copy_from_slice([MAGIC, length, items, checksum, own, mark].as_flattened());
        bytes
    }

    /// Reads a head; nothing where there is none.
    pub(crate) fn parse(bytes: [u8; SIZE]) -> Option<Self> {
        let ([magic, length, items, checksum, own, mark], []) = bytes.as_chunks::<4>() else { return None };
        let is_sound = *magic == MAGIC && own_checksum(*length, *items, *checksum).to_le_bytes() == *own;
        let [length, items, checksum] = [length, items, checksum].map(|bytes| u32::from_le_bytes(*bytes));
        is_sound.then_some(Self { length, items, is_sent: *mark == SENT, checksum })
    }

    /// Says whether these are the bytes that it was made of.
    pub(crate) fn fits(&self, bytes: &[u8]) -> bool {
        crc32fast::hash(bytes) == self.checksum
    }

    /// Returns how much room the frame takes with its head.
    pub(crate) fn frame_bytes(self) -> u64 {
        SIZE as u64 + u64::from(self.length)
    }
}

fn own_checksum(length: [u8; 4], items: [u8; 4], checksum: [u8; 4]) -> u32 {
    crc32fast::hash([MAGIC, length, items, checksum].as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_it_was_told() {
        let head = Head::of(7, b"words").unwrap();
        assert_eq!(Head::parse(head.to_bytes()), Some(head));
        let sent = Head { is_sent: true, ..head };
        assert_eq!(Head::parse(sent.to_bytes()), Some(sent));
        assert!(head.fits(b"words") && !head.fits(b"sword"));
    }

    #[test]
    fn a_changed_bit_makes_it_none_or_changes_nothing() {
        let head = Head::of(7, b"words").unwrap();
        for bit in 0..SIZE * 8 {
            let mut bytes = head.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let wanted = (bit / 8 >= MARK_AT as usize).then_some(head);
            assert_eq!(Head::parse(bytes), wanted, "bit {bit}");
        }
    }
}
