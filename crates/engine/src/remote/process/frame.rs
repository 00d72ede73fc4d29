//! Frames on a byte stream: length, kind, job, body. Whatever the other side sends, reading ends in a frame or an error.

use std::fmt;

use super::super::transport::JobId;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum FrameKind {
    /// Driver to worker: a challenge.
    Hello = 1,
    /// Worker to driver: who it is, and the answer to the challenge.
    Answer,
    /// Driver to worker: the driver's own proof.
    Welcome,
    /// Driver to worker.
    Job,
    /// Driver to worker.
    Cancel,
    /// Worker to driver.
    Update,
    /// Worker to driver.
    Result,
    /// Worker to driver: it lives.
    Heartbeat,
}

const KINDS: [FrameKind; 8] = [
    FrameKind::Hello,
    FrameKind::Answer,
    FrameKind::Welcome,
    FrameKind::Job,
    FrameKind::Cancel,
    FrameKind::Update,
    FrameKind::Result,
    FrameKind::Heartbeat,
];

/// A frame as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) job: JobId,
    pub(super) body: Vec<u8>,
}

/// The stream isn't one of frames.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    TooLarge { size_bytes: usize, limit_bytes: usize },
    UnknownKind(u8),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { size_bytes, limit_bytes } => {
                write!(f, "a frame of {size_bytes} bytes, where at most {limit_bytes} are taken")
            }
            Self::UnknownKind(kind) => write!(f, "a frame of the unknown kind {kind}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Length of the body (4 bytes), kind (1), job (8).
const HEAD_BYTES: usize = 13;

/// Makes the bytes of a frame.
pub(super) fn encode(kind: FrameKind, job: JobId, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    // A body is never larger than the limit that was checked when it was made.
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.push(kind as u8);
    bytes.extend_from_slice(&job.0.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// Finds frames in what has been read so far.
pub(super) struct FrameReader {
    limit_bytes: usize,
    buffer: Vec<u8>,
    /// How much of the buffer has been given out.
    taken: usize,
}

impl FrameReader {
    /// Makes a reader of frames with bodies of at most so many bytes.
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, buffer: Vec::new(), taken: 0 }
    }

    /// Takes more of the stream.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.taken > 0 && self.taken == self.buffer.len() {
            self.buffer.clear();
            self.taken = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole frame, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let rest = &self.buffer[self.taken..];
        let Some((head, rest)) = rest.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let [l0, l1, l2, l3, kind, job @ ..] = *head;
        let size_bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let known = KINDS.into_iter().find(|known| *known as u8 == kind);
        let kind = known.ok_or(FrameError::UnknownKind(kind))?;
        if size_bytes > self.limit_bytes {
            return Err(FrameError::TooLarge { size_bytes, limit_bytes: self.limit_bytes });
        }
        let Some(body) = rest.get(..size_bytes) else { return Ok(None) };
        let frame = Frame { kind, job: JobId(u64::from_le_bytes(job)), body: body.to_vec() };
        self.taken += HEAD_BYTES + size_bytes;
        self.compact();
        Ok(Some(frame))
    }

    /// Gives memory back after a large frame, without moving what is left at each small one.
    fn compact(&mut self) {
        if self.taken > self.buffer.len() / 2 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.shrink_to(1 << 16);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(reader: &mut FrameReader) -> Vec<Frame> {
        std::iter::from_fn(|| reader.next().unwrap()).collect()
    }

    #[test]
    fn a_huge_length_is_refused_before_it_is_waited_for() {
        let mut reader = FrameReader::new(1000);
        reader.feed(&u32::MAX.to_le_bytes());
        reader.feed(&[FrameKind::Job as u8, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(reader.next(), Err(FrameError::TooLarge { size_bytes: u32::MAX as usize, limit_bytes: 1000 }));
    }

    #[test]
    fn a_cut_off_frame_is_waited_for() {
        let bytes = encode(FrameKind::Result, JobId(7), b"abc");
        let mut reader = FrameReader::new(1000);
        for byte in &bytes[..bytes.len() - 1] {
            reader.feed(&[*byte]);
            assert_eq!(reader.next(), Ok(None));
        }
        reader.feed(b"c");
        assert_eq!(reader.next().unwrap().unwrap(), Frame { kind: FrameKind::Result, job: JobId(7), body: b"abc".to_vec() });
    }

    proptest! {
        #[test]
        fn frames_come_back_however_the_stream_is_cut(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            piece in 1usize..64,
        ) {
            let stream: Vec<u8> =
                bodies.iter().zip(0..).flat_map(|(body, job)| encode(FrameKind::Update, JobId(job), body)).collect();
            let mut reader = FrameReader::new(1000);
            let mut back = Vec::new();
            for piece in stream.chunks(piece) {
                reader.feed(piece);
                back.extend(frames(&mut reader));
            }
            prop_assert_eq!(back.into_iter().map(|frame| frame.body).collect::<Vec<_>>(), bodies);
        }

        #[test]
        fn no_stream_makes_reading_panic(noise in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut reader = FrameReader::new(100);
            reader.feed(&noise);
            while let Ok(Some(frame)) = reader.next() {
                prop_assert!(frame.body.len() <= 100);
            }
        }
    }
}
