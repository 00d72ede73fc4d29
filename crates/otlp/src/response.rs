//! What a receiver answers to a request that it took, both directions.

use crate::json::{from_protobuf, response_of, to_protobuf};
use crate::proto::{Gap, Reader, Writer};
use crate::{DecodeError, Rejected, Signal};

/// What a receiver answers to a request that it took: that it took all, or how much it left out and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// How many spans, data points or log records were left out.
    pub rejected: u64,
    /// Why, or a warning where nothing was left out.
    pub message: String,
}

impl From<&Rejected> for Response {
    fn from(rejected: &Rejected) -> Self {
        Self { rejected: rejected.count(), message: rejected.message() }
    }
}

impl Response {
    /// Writes the answer in protobuf: an `ExportTraceServiceResponse` or its like.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if *self != Self::default() {
            Writer::new(&mut out).message(1, Gap::Two, |w| {
                w.uint(1, self.rejected);
                w.bytes(2, self.message.as_bytes());
            });
        }
        out
    }

    /// Writes the answer in JSON.
    #[must_use]
    pub fn encode_json(&self, signal: Signal) -> Vec<u8> {
        let mut out = Vec::new();
        // What was written here can be read here.
        let _ = from_protobuf(response_of(signal), &self.encode(), &mut out);
        out
    }

    /// Reads an answer in protobuf.
    ///
    /// # Errors
    /// If it isn't one.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut found = Self::default();
        Reader::new(bytes).for_each(|number, wire| {
            if number == 1 {
                wire.message()?.for_each(|number, wire| {
                    match number {
                        // A count below zero means nothing.
                        1 => found.rejected = wire.varint()?.cast_signed().max(0).cast_unsigned(),
                        2 => wire.text()?.clone_into(&mut found.message),
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Reads an answer in JSON.
    ///
    /// # Errors
    /// If it isn't one.
    pub fn decode_json(signal: Signal, json: &[u8]) -> Result<Self, DecodeError> {
        let mut bytes = Vec::new();
        to_protobuf(response_of(signal), json, &mut bytes)?;
        Self::decode(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_back() {
        let some = Response { rejected: 3, message: "span \"a\": no".into() };
        for answer in [Response::default(), some.clone(), Response { rejected: 0, ..some.clone() }] {
            assert_eq!(Response::decode(&answer.encode()).unwrap(), answer);
            for signal in Signal::ALL {
                assert_eq!(Response::decode_json(signal, &answer.encode_json(signal)).unwrap(), answer);
            }
        }
        assert!(Response::default().encode().is_empty());
        assert_eq!(Response::default().encode_json(Signal::Logs), b"{}");
        let json = String::from_utf8(some.encode_json(Signal::Metrics)).unwrap();
        assert_eq!(json, r#"{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"span \"a\": no"}}"#);
    }

    #[test]
    fn odd_answers_do_no_harm() {
        assert_eq!(Response::decode(&[0x0a, 11, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]).unwrap().rejected, 0);
        assert!(Response::decode(b"<html>").is_err());
        assert!(Response::decode_json(Signal::Traces, b"<html>").is_err());
    }
}
