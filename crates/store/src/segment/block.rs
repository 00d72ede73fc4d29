//! A block: one column, or a few small ones, compressed and with a checksum.
//!
//! Layout: one byte of version, the length of the content as a variable-length number, one zstd frame with a checksum.

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::bytes::{Damaged, Reader, put_varint};

const VERSION: u8 = 1;
const LEVEL: i32 = 1;

/// The most that one block may hold, in bytes, so that a small hostile block can't fill the memory.
pub(crate) const MAX_BLOCK_BYTES: usize = 256 << 20;

/// Makes blocks; keeps the compressor's memory between them.
pub(crate) struct BlockEncoder {
    zstd: Compressor<'static>,
}

impl BlockEncoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut zstd = Compressor::new(LEVEL)?;
        zstd.set_parameter(CParameter::ChecksumFlag(true))?;
        zstd.set_parameter(CParameter::ContentSizeFlag(false))?;
        Ok(Self { zstd })
    }

    pub(crate) fn encode(&mut self, content: &[u8]) -> std::io::Result<Vec<u8>> {
        if content.len() > MAX_BLOCK_BYTES {
            return Err(std::io::Error::other("a column is larger than a block may be"));
        }
        let mut block = vec![VERSION];
        put_varint(&mut block, content.len() as u64);
        block.extend(self.zstd.compress(content)?);
        Ok(block)
    }
}

/// Opens blocks; keeps the decompressor's memory between them.
pub(crate) struct BlockDecoder {
    zstd: Decompressor<'static>,
}

impl BlockDecoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        Decompressor::new().map(|zstd| Self { zstd })
    }

    pub(crate) fn decode(&mut self, block: &[u8]) -> Result<Vec<u8>, Damaged> {
        let mut reader = Reader::new(block);
        if reader.byte()? != VERSION {
            return Err(Damaged("a block has an unknown version"));
        }
        let len = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if len > MAX_BLOCK_BYTES {
            return Err(Damaged("a block is too large"));
        }
        let frame = reader.bytes(reader.len())?;
        let content = self.zstd.decompress(frame, len).map_err(|_| Damaged("a block can't be decompressed"))?;
        if content.len() == len { Ok(content) } else { Err(Damaged("a block has another length than it says")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_equal() {
        let (mut encoder, mut decoder) = (BlockEncoder::new().unwrap(), BlockDecoder::new().unwrap());
        for content in [&b""[..], b"x", &[7; 100_000]] {
            let block = encoder.encode(content).unwrap();
            assert!(block.len() < content.len() / 100 + 32);
            assert_eq!(decoder.decode(&block).unwrap(), content);
        }
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let (mut encoder, mut decoder) = (BlockEncoder::new().unwrap(), BlockDecoder::new().unwrap());
        let content: Vec<u8> = (0..200).map(|at| (at * at) as u8).collect();
        let block = encoder.encode(&content).unwrap();
        for at in 0..block.len() * 8 {
            let mut damaged = block.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            // Some bits of the frame's header mean nothing; what must not happen is other content.
            assert!(decoder.decode(&damaged).is_ok_and(|found| found == content) || decoder.decode(&damaged).is_err());
        }
        for len in 0..block.len() {
            assert!(decoder.decode(&block[..len]).is_err());
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_opened() {
        let mut bomb = vec![VERSION];
        put_varint(&mut bomb, 1 << 40);
        assert_eq!(BlockDecoder::new().unwrap().decode(&bomb), Err(Damaged("a block is too large")));
        let mut lying = vec![VERSION, 3];
        lying.extend(BlockEncoder::new().unwrap().zstd.compress(&[0; 1 << 20]).unwrap());
        assert!(BlockDecoder::new().unwrap().decode(&lying).is_err());
    }
}
