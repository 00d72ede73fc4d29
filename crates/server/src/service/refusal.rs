//! Why a request isn't taken, and how HTTP and gRPC say so.

use std::time::Duration;

use flowglass_otlp::Status;

/// Why a request isn't taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing is taken on this path.
    NotFound,
    /// This path takes another method.
    Method(&'static str),
    /// The sender doesn't know the token.
    Unauthorised,
    /// The body isn't what OTLP has, or none that we know.
    MediaType(String),
    /// The body is compressed in a way that we don't know.
    Encoding(String),
    /// The request is larger than the limits.
    TooLarge(String),
    /// The request isn't OTLP.
    Malformed(String),
    /// The request took too long.
    Slow,
    /// There is no room for it now.
    Busy,
    /// The receiver is about to end.
    Ending,
    /// The sink can't take it now.
    Unavailable(String),
    /// The sink can't take it at all.
    Failed(String),
}

/// How long a sender shall wait where there was no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Refusal {
    /// Returns the status of HTTP.
    pub(crate) const fn http_status(&self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Method(_) => 405,
            Self::Unauthorised => 401,
            Self::MediaType(_) | Self::Encoding(_) => 415,
            Self::TooLarge(_) => 413,
            Self::Malformed(_) => 400,
            Self::Slow => 408,
            Self::Busy | Self::Ending | Self::Unavailable(_) => 503,
            Self::Failed(_) => 500,
        }
    }

    /// Returns the code of gRPC.
    pub(crate) const fn grpc_code(&self) -> u32 {
        match self {
            Self::NotFound | Self::Method(_) | Self::Encoding(_) => 12,
            Self::Unauthorised => 16,
            Self::MediaType(_) | Self::Malformed(_) => 3,
            Self::TooLarge(_) => 8,
            Self::Slow => 4,
            Self::Busy | Self::Ending | Self::Unavailable(_) => 14,
            Self::Failed(_) => 13,
        }
    }

    /// Returns how long the sender shall wait before it tries again, where that is of use.
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy | Self::Ending | Self::Unavailable(_) => Some(RETRY_AFTER),
            _ => None,
        }
    }

    /// Says what is wrong and what to do.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::NotFound => {
                "nothing is taken here; OTLP goes to /v1/traces, /v1/metrics and /v1/logs, or to gRPC's services of OTLP".into()
            }
            Self::Method(allowed) => format!("this path takes {allowed} only"),
            Self::Unauthorised => "the token is missing or wrong; send it in the header `Authorization: Bearer TOKEN`".into(),
            Self::MediaType(found) => {
                format!("the content type is `{found}`; OTLP has `application/x-protobuf` or `application/json`")
            }
            Self::Encoding(found) => format!("the body is compressed as `{found}`; use gzip, zstd or nothing"),
            Self::TooLarge(limit) => format!("the request is too large: {limit}; send smaller batches"),
            Self::Malformed(why) | Self::Unavailable(why) | Self::Failed(why) => why.clone(),
            Self::Slow => "the request took too long".into(),
            Self::Busy => "there is no room for more requests now; try again".into(),
            Self::Ending => "this receiver is about to end; try again".into(),
        }
    }

    /// Returns the body that says so.
    pub(crate) fn status(&self) -> Status {
        Status { code: self.grpc_code(), message: self.message(), retry_after: self.retry_after() }
    }
}
