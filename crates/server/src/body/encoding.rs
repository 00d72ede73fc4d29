//! Compressed bodies: opened a piece at a time, so that a small one which unfolds to gigabytes is found out early.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use flate2::read::MultiGzDecoder;

use crate::room::Hold;
use crate::service::Refusal;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// What senders are told that we understand.
pub(crate) const ACCEPTED: &str = "gzip, zstd, identity";

/// The largest window of zstd that we give memory for, as a power of two: 8 MiB, what every decoder must be able to.
const ZSTD_WINDOW: u32 = 23;
/// How much is opened at a time.
const STEP_BYTES: usize = 64 << 10;

impl Encoding {
    /// Reads what stands in `Content-Encoding` or `grpc-encoding`; nothing stands for none.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word.trim() {
            "" | "identity" => Some(Self::Identity),
            word if word.eq_ignore_ascii_case("gzip") || word.eq_ignore_ascii_case("x-gzip") => Some(Self::Gzip),
            word if word.eq_ignore_ascii_case("zstd") => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Opens a body that may have at most so many bytes then; the memory for it comes from `hold`.
pub(crate) fn decompress<'a>(
    encoding: Encoding,
    packed: &'a [u8],
    most: usize,
    hold: &mut Hold,
) -> Result<Cow<'a, [u8]>, Refusal> {
    let unfolded = match encoding {
        Encoding::Identity if packed.len() > most => return Err(too_large(most)),
        Encoding::Identity => return Ok(Cow::Borrowed(packed)),
        Encoding::Gzip => unfold(MultiGzDecoder::new(packed), packed.len(), most, hold),
        Encoding::Zstd => unfold(zstd_decoder(packed)?, packed.len(), most, hold),
    };
    unfolded.map(Cow::Owned)
}

fn zstd_decoder(packed: &[u8]) -> Result<impl Read + '_, Refusal> {
    let unusable = |error: std::io::Error| Refusal::Malformed(format!("the body can't be decompressed: {error}"));
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(unusable)?;
    decoder.window_log_max(ZSTD_WINDOW).map_err(unusable)?;
    Ok(decoder)
}

fn unfold(mut from: impl Read, packed: usize, most: usize, hold: &mut Hold) -> Result<Vec<u8>, Refusal> {
    let mut plain: Vec<u8> = Vec::new();
    let mut step = (packed.saturating_mul(4)).clamp(STEP_BYTES, most.max(STEP_BYTES));
    loop {
        let filled = plain.len();
        hold.try_grow(step)?;
        plain.resize(filled + step, 0);
        let read = fill(&mut from, &mut plain[filled..])?;
        plain.truncate(filled + read);
        if plain.len() > most {
            return Err(too_large(most));
        }
        if read < step {
            return Ok(plain);
        }
        step = STEP_BYTES.max(plain.len() / 2);
    }
}

/// Reads until there is no room or no more.
fn fill(from: &mut impl Read, into: &mut [u8]) -> Result<usize, Refusal> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Refusal::Malformed(format!("the body can't be decompressed: {error}"))),
        }
    }
    Ok(filled)
}

fn too_large(most: usize) -> Refusal {
    Refusal::TooLarge(format!("a request may have {most} bytes when it is decompressed"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::room::Room;

    const MOST: usize = 1 << 20;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn open(encoding: Encoding, packed: &[u8]) -> Result<Vec<u8>, Refusal> {
        decompress(encoding, packed, MOST, &mut Room::new(8 * MOST, Duration::ZERO).hold()).map(Cow::into_owned)
    }

    #[test]
    fn bombs_are_found_out_early() {
        let zeros = vec![0; 64 << 20];
        for (encoding, bomb) in [(Encoding::Gzip, gzip(&zeros)), (Encoding::Zstd, zstd::bulk::compress(&zeros, 19).unwrap())] {
            assert!(bomb.len() < 1_000_000);
            assert!(matches!(open(encoding, &bomb), Err(Refusal::TooLarge(_))));
            let mut little = Room::new(256 << 10, Duration::ZERO).hold();
            let refused = decompress(encoding, &bomb, 64 << 20, &mut little);
            assert!(refused.is_err(), "and no more memory is taken than there is room for");
        }
        let mut wide = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        wide.window_log(27).unwrap();
        wide.write_all(&zeros).unwrap();
        assert!(matches!(open(Encoding::Zstd, &wide.finish().unwrap()), Err(Refusal::Malformed(_))), "a window of 128 MiB");
    }

    #[test]
    fn broken_bodies_are_refused() {
        let whole = gzip(b"a body");
        for broken in [&whole[..whole.len() - 3], b"no gzip", b""] {
            assert!(matches!(open(Encoding::Gzip, broken), Err(Refusal::Malformed(_))), "{broken:?}");
        }
        assert!(matches!(open(Encoding::Zstd, b"no zstd"), Err(Refusal::Malformed(_))));
        assert!(matches!(open(Encoding::Identity, &vec![0; MOST + 1]), Err(Refusal::TooLarge(_))));
    }

    #[test]
    fn words_of_headers_are_known() {
        let known = ["", "identity", "gzip", "GZIP", "x-gzip", " zstd"].map(Encoding::from_word);
        assert!(known.iter().all(Option::is_some));
        assert_eq!(Encoding::from_word("br"), None);
        assert_eq!(Encoding::from_word("gzip, gzip"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_compressed_comes_back(part in proptest::collection::vec(0u8..4, 0..5000), times in 1usize..40) {
            let plain = part.repeat(times);
            prop_assert_eq!(&open(Encoding::Gzip, &gzip(&plain)).unwrap(), &plain);
            prop_assert_eq!(&open(Encoding::Zstd, &zstd::bulk::compress(&plain, 1).unwrap()).unwrap(), &plain);
        }

        #[test]
        fn noise_is_refused_or_small(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            for encoding in [Encoding::Gzip, Encoding::Zstd] {
                prop_assert!(open(encoding, &noise).map_or(true, |plain| plain.len() <= MOST));
            }
        }
    }
}
