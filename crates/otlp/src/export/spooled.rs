//! Bodies as frames of a spool: two bytes that say what the body is, and the body.

use flowglass_spool::{Frame, Spool};

use super::body::Body;
use super::destination::Compression;

/// Adds a body behind the others. Returns how many items were lost: the oldest where there was no room, or these where they can't be
/// written.
pub(super) fn push(spool: &mut Spool, body: &Body) -> u64 {
    let frame = [&[code(body.compression), u8::from(body.is_json)], &*body.bytes].concat();
    let pushed = spool.push(u32::try_from(body.items).unwrap_or(u32::MAX), &frame);
    let lost = if pushed.is_err() { body.items } else { 0 };
    lost + spool.take_lost()
}

/// Returns the first body, which stays until it has arrived or is given back.
pub(super) fn first(spool: &mut Spool) -> Option<Body> {
    loop {
        let frame = spool.lend(1).pop()?;
        match read(&frame) {
            Some(body) => return Some(body),
            // A later version wrote it.
            None => spool.refuse(1),
        }
    }
}

fn read(frame: &Frame) -> Option<Body> {
    let ([compression, is_json], bytes) = frame.bytes.split_first_chunk()?;
    let compression = compression_of(*compression)?;
    Some(Body { bytes: bytes.to_vec().into(), compression, is_json: *is_json == 1, items: u64::from(frame.items) })
}

const fn code(compression: Compression) -> u8 {
    match compression {
        Compression::None => 0,
        Compression::Gzip => 1,
        Compression::Zstd => 2,
    }
}

const fn compression_of(code: u8) -> Option<Compression> {
    match code {
        0 => Some(Compression::None),
        1 => Some(Compression::Gzip),
        2 => Some(Compression::Zstd),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use flowglass_spool::WhenFull;

    use super::*;

    #[test]
    fn bodies_come_back_equal_and_what_is_none_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path(), 1 << 20, WhenFull::DropOldest).unwrap();
        let forms = [(Compression::None, true), (Compression::Gzip, false), (Compression::Zstd, true)];
        let bodies = forms.map(|(compression, is_json)| Body { bytes: "words".into(), compression, is_json, items: 3 });
        for body in &bodies {
            assert_eq!(push(&mut spool, body), 0);
            spool.push(5, &[9, 0, 1]).unwrap();
            spool.push(7, b"").unwrap();
        }
        for body in bodies {
            assert_eq!(first(&mut spool), Some(body));
            spool.arrived(1);
        }
        assert_eq!((first(&mut spool), spool.take_lost(), spool.is_empty()), (None, 3 * 12, true));
        let aside = spool.folder().join("refused.aside");
        assert_eq!(std::fs::metadata(aside).unwrap().len(), 3 * (2 * 24 + 3), "a later version may look at it");
    }
}
