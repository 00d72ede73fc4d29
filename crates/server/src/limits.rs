//! How much senders may ask of a receiver.

use std::time::Duration;

/// How much senders may ask of a receiver, all of them together and each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverLimits {
    /// The most bytes of one request as it arrives; 16 MiB unless told. What is longer is answered with 413 (gRPC 8).
    pub body_bytes: usize,
    /// The most bytes of one request, decompressed; 32 MiB unless told.
    pub message_bytes: usize,
    /// The most spans, events, links and attributes of one request together; 1,000,000 unless told.
    pub rows: usize,
    /// The most memory of all requests that are under way, read, decoded or wait to be written; 64 MiB unless told. What has no room
    /// is told to come again (503 with `Retry-After`, gRPC 14 with `RetryInfo`). The wide windows of HTTP/2 are of it, up to a
    /// quarter: when that is used up, further connections have the narrowest that there are, 64 KiB.
    pub memory_bytes: usize,
    /// The most connections at a time; 512 unless told. Further ones wait to be accepted. Each may have 64 KiB under way besides
    /// what `memory_bytes` counts.
    pub connections: usize,
    /// The most requests of one connection at a time (HTTP/2); 64 unless told.
    pub streams: u32,
    /// How long a request waits for room before it is told to come again; 1 s unless told.
    pub patience: Duration,
    /// The longest time from a request's headers to its answer; 30 s unless told.
    pub request_time: Duration,
    /// The longest time that a connection may say nothing, or take to say the headers of a request; 90 s unless told.
    pub idle_time: Duration,
}

/// The most bytes of a request's headers.
pub(crate) const HEADER_BYTES: u32 = 32 << 10;
/// The most headers of a request.
pub(crate) const HEADERS: usize = 100;

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            body_bytes: 16 << 20,
            message_bytes: 32 << 20,
            rows: 1_000_000,
            memory_bytes: 64 << 20,
            connections: 512,
            streams: 64,
            patience: Duration::from_secs(1),
            request_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(90),
        }
    }
}
