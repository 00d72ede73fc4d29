//! What a receiver answers to a request that it didn't take: `google.rpc.Status`, in a body and in headers of gRPC.

use std::time::Duration;

use base64::Engine as _;

use crate::proto::{Gap, Writer};

/// What a receiver answers to a request that it didn't take.
///
/// ```
/// use std::time::Duration;
/// use flowglass_otlp::Status;
///
/// let status = Status { code: 14, message: "there is no room".into(), retry_after: Some(Duration::from_secs(1)) };
/// assert_eq!(status.encode_json(), br#"{"code":14,"message":"there is no room"}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// gRPC's code of what is wrong.
    pub code: u32,
    /// What is wrong, for people.
    pub message: String,
    /// How long the sender shall wait before it tries again; none where that is no use, or up to the sender.
    pub retry_after: Option<Duration>,
}

/// The type of the detail that says how long to wait.
const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

impl Status {
    /// Writes the status in protobuf.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut w = Writer::new(&mut out);
        w.uint(1, u64::from(self.code));
        w.bytes(2, self.message.as_bytes());
        if let Some(delay) = self.retry_after {
            w.message(3, Gap::Two, |any| {
                any.bytes(1, RETRY_INFO.as_bytes());
                any.message(2, Gap::Two, |info| {
                    info.message(1, Gap::Two, |duration| {
                        duration.uint(1, delay.as_secs());
                        duration.uint(2, u64::from(delay.subsec_nanos()));
                    });
                });
            });
        }
        out
    }

    /// Writes the status in JSON, without details.
    #[must_use]
    pub fn encode_json(&self) -> Vec<u8> {
        let message = serde_json::to_string(&self.message).unwrap_or_default();
        format!(r#"{{"code":{},"message":{message}}}"#, self.code).into_bytes()
    }

    /// Returns the header `grpc-message`: the message, whose odd bytes are written as `%` and two digits.
    #[must_use]
    pub fn grpc_message(&self) -> String {
        let mut text = String::with_capacity(self.message.len());
        for byte in self.message.bytes() {
            match byte {
                b' '..=b'~' if byte != b'%' => text.push(byte as char),
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
        text
    }

    /// Returns the header `grpc-status-details-bin`, where there is something that the others don't tell.
    #[must_use]
    pub fn grpc_details(&self) -> Option<String> {
        let details = self.retry_after.map(|_| self.encode())?;
        Some(base64::engine::general_purpose::STANDARD_NO_PAD.encode(details))
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    /// `google.rpc.Status`, as others generate it.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Theirs {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<Any>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Any {
        #[prost(string, tag = "1")]
        type_url: String,
        #[prost(bytes = "vec", tag = "2")]
        value: Vec<u8>,
    }

    #[test]
    fn others_read_what_is_written() {
        let retry_after = Some(Duration::from_millis(2500));
        let status = Status { code: 14, message: "zu spät\n".into(), retry_after };
        let theirs = Theirs::decode(status.encode().as_slice()).unwrap();
        assert_eq!((theirs.code, theirs.message.as_str()), (14, "zu spät\n"));
        assert_eq!(theirs.details[0].type_url, RETRY_INFO);
        // Field 1, 7 bytes: 2 seconds and 500,000,000 nanoseconds.
        let (head, rest) = theirs.details[0].value.split_at(1);
        assert_eq!((head, rest.last_chunk::<8>()), (&[0x0a][..], Some(&[8, 2, 16, 0x80, 0xca, 0xb5, 0xee, 1])));
        assert_eq!(status.grpc_message(), "zu sp%C3%A4t%0A");
        assert!(Status { retry_after: None, ..status }.grpc_details().is_none());
    }
}
