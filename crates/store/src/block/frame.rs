//! Frames: bytes with a checksum, compressed where that pays.
//!
//! Layout: one byte of form; then for [`COMPRESSED`] the length of the content as a variable-length number and one zstd frame
//! with a checksum, and for [`PLAIN`] a checksum of four bytes and the content as it is: most random bytes don't get smaller,
//! and are read much faster.

use std::borrow::Cow;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::bytes::{Damaged, Reader, put_varint};
use crate::hash::hash;

const COMPRESSED: u8 = 1;
const PLAIN: u8 = 2;
const LEVEL: i32 = 1;
/// Fewer bytes are seldom made less: what a compressed frame says of itself takes some twenty.
const LEAST_TO_COMPRESS: usize = 48;

/// The most that one frame may hold, in bytes, so that a small hostile frame can't fill the memory.
pub(crate) const MAX_FRAME_BYTES: usize = 256 << 20;

/// Makes frames; keeps the compressor's memory between them.
pub(crate) struct FrameEncoder {
    zstd: Compressor<'static>,
}

impl FrameEncoder {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut zstd = Compressor::new(LEVEL)?;
        zstd.set_parameter(CParameter::ChecksumFlag(true))?;
        zstd.set_parameter(CParameter::ContentSizeFlag(false))?;
        Ok(Self { zstd })
    }

    /// Makes a frame, compressed if that saves an eighth.
    pub(crate) fn encode(&mut self, content: &[u8]) -> std::io::Result<Vec<u8>> {
        if content.len() > MAX_FRAME_BYTES {
            return Err(std::io::Error::other("a column is larger than a frame may be"));
        }
        if content.len() < LEAST_TO_COMPRESS {
            return Ok(plain(content));
        }
        let compressed = self.zstd.compress(content)?;
        if compressed.len() + content.len() / 8 > content.len() {
            return Ok(plain(content));
        }
        let mut frame = vec![COMPRESSED];
        put_varint(&mut frame, content.len() as u64);
        frame.extend(compressed);
        Ok(frame)
    }
}

/// Makes a frame that isn't compressed.
pub(crate) fn plain(content: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(content.len() + 5);
    frame.push(PLAIN);
    frame.extend(checksum(content));
    frame.extend_from_slice(content);
    frame
}

fn checksum(content: &[u8]) -> [u8; 4] {
    ((hash(content) >> 32) as u32).to_le_bytes()
}

/// Opens frames; keeps the decompressor's memory, which the first compressed frame takes, between them.
#[derive(Default)]
pub(crate) struct FrameDecoder {
    zstd: Option<Decompressor<'static>>,
}

impl FrameDecoder {
    pub(crate) fn decode<'a>(&mut self, frame: &'a [u8]) -> Result<Cow<'a, [u8]>, Damaged> {
        let mut reader = Reader::new(frame);
        match reader.byte()? {
            PLAIN => open_plain(reader).map(Cow::Borrowed),
            COMPRESSED => self.decompress(reader).map(Cow::Owned),
            _ => Err(Damaged("a frame has an unknown form")),
        }
    }

    fn decompress(&mut self, mut reader: Reader<'_>) -> Result<Vec<u8>, Damaged> {
        let len = usize::try_from(reader.varint()?).unwrap_or(usize::MAX);
        if len > MAX_FRAME_BYTES {
            return Err(Damaged("a frame is too large"));
        }
        let frame = reader.bytes(reader.len())?;
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(Decompressor::new().map_err(|_| Damaged("there is no memory to decompress a frame"))?),
        };
        let content = zstd.decompress(frame, len).map_err(|_| Damaged("a frame can't be decompressed"))?;
        if content.len() == len { Ok(content) } else { Err(Damaged("a frame has another length than it says")) }
    }
}

fn open_plain<'a>(mut reader: Reader<'a>) -> Result<&'a [u8], Damaged> {
    let sum: [u8; 4] = reader.array()?;
    let content = reader.bytes(reader.len())?;
    if sum == checksum(content) { Ok(content) } else { Err(Damaged("a frame has another checksum than it says")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_equal() {
        let (mut encoder, mut decoder) = (FrameEncoder::new().unwrap(), FrameDecoder::default());
        let random: Vec<u8> = (0..5000).map(|_| fastrand::u8(..)).collect();
        for (content, most) in [(&b""[..], 5), (b"x", 6), (&[7; 100_000], 1000), (&random, 5005)] {
            let frame = encoder.encode(content).unwrap();
            assert!(frame.len() <= most, "{}", frame.len());
            assert_eq!(decoder.decode(&frame).unwrap(), content);
        }
    }

    #[test]
    fn any_flipped_bit_is_seen() {
        let (mut encoder, mut decoder) = (FrameEncoder::new().unwrap(), FrameDecoder::default());
        let content: Vec<u8> = (0..200).map(|at| (at / 9) as u8).collect();
        let random: Vec<u8> = (0..200).map(|_| fastrand::u8(..)).collect();
        for content in [content, random] {
            let frame = encoder.encode(&content).unwrap();
            for at in 0..frame.len() * 8 {
                let mut damaged = frame.clone();
                damaged[at / 8] ^= 1 << (at % 8);
                // Some bits of zstd's header mean nothing; what must not happen is other content.
                let found = decoder.decode(&damaged);
                assert!(found.is_err() || found.is_ok_and(|found| found == content.as_slice()));
            }
            for len in 0..frame.len() {
                assert!(decoder.decode(&frame[..len]).is_err());
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_opened() {
        let mut bomb = vec![COMPRESSED];
        put_varint(&mut bomb, 1 << 40);
        assert_eq!(FrameDecoder::default().decode(&bomb), Err(Damaged("a frame is too large")));
        let mut lying = vec![COMPRESSED, 3];
        lying.extend(FrameEncoder::new().unwrap().zstd.compress(&[0; 1 << 20]).unwrap());
        assert!(FrameDecoder::default().decode(&lying).is_err());
    }
}
