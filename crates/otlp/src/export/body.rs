//! The body of a request: written in the form of its destination, compressed, and counted.

use std::io::{Read, Write};

use bytes::Bytes;

use super::destination::{Compression, Destination, Protocol};
use crate::json::{request_of, to_protobuf};
use crate::proto::{halve, split};
use crate::{Signal, request_to_json};

/// A request that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// What is sent, compressed.
    pub(super) bytes: Bytes,
    pub(super) compression: Compression,
    /// Whether it is JSON; else protobuf.
    pub(super) is_json: bool,
    /// How many spans, points or records it holds.
    pub(super) items: u64,
}

impl Body {
    /// Makes the body for a destination from a request in protobuf.
    pub(super) fn new(destination: &Destination, signal: Signal, request: Vec<u8>, items: u64) -> Self {
        let is_json = destination.protocol == Protocol::HttpJson;
        let plain = if is_json { to_json(signal, &request) } else { request };
        let (compression, bytes) = compress(destination.compression, plain);
        Self { bytes: bytes.into(), compression, is_json, items }
    }

    /// Makes the bodies for a destination from a request that may be larger than it takes at once.
    pub(super) fn cut(destination: &Destination, signal: Signal, request: Vec<u8>, items: u64, most_bytes: usize) -> Vec<Self> {
        if request.len() > most_bytes
            && let Ok(pieces) = split(signal, &request, most_bytes)
        {
            return pieces.into_iter().map(|(piece, items)| Self::new(destination, signal, piece, items)).collect();
        }
        vec![Self::new(destination, signal, request, items)]
    }

    /// Cuts the body in about halves; nothing where it is one item, or can't be read.
    pub(super) fn halves(&self, destination: &Destination, signal: Signal) -> Option<[Self; 2]> {
        let halves = halve(signal, &self.request(signal)?).ok()??;
        Some(halves.map(|(piece, items)| Self::new(destination, signal, piece, items)))
    }

    /// Returns the request in protobuf, not compressed.
    fn request(&self, signal: Signal) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        match self.compression {
            Compression::None => plain.extend_from_slice(&self.bytes),
            Compression::Gzip => drop(flate2::read::GzDecoder::new(&*self.bytes).read_to_end(&mut plain).ok()?),
            Compression::Zstd => drop(zstd::stream::read::Decoder::new(&*self.bytes).ok()?.read_to_end(&mut plain).ok()?),
        }
        if !self.is_json {
            return Some(plain);
        }
        let mut request = Vec::with_capacity(plain.len() / 2);
        to_protobuf(request_of(signal), &plain, &mut request).ok()?;
        Some(request)
    }
}

fn to_json(signal: Signal, request: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(request.len() * 2);
    // What was written here can be read here.
    let _ = request_to_json(signal, request, &mut json);
    json
}

/// Compresses bytes; as they are where that fails.
fn compress(compression: Compression, plain: Vec<u8>) -> (Compression, Vec<u8>) {
    let packed = match compression {
        Compression::None => None,
        Compression::Gzip => gzip(&plain),
        // Level -1 makes what gzip makes, in a seventeenth of its time.
        Compression::Zstd => zstd::bulk::compress(&plain, -1).ok(),
    };
    packed.map_or((Compression::None, plain), |packed| (compression, packed))
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::with_capacity(plain.len() / 3), flate2::Compression::fast());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}
