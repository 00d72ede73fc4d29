//! OTLP as JSON: the same messages as in protobuf, in their other form. One table says what both have in common.

mod read;
mod said;
mod scalar;
mod schema;
mod write;

pub(crate) use read::to_protobuf;
use schema::Message;
pub(crate) use write::from_protobuf;

use crate::{DecodeError, Decoded, Flaw, Limits, Signal, decode};

/// Reads a request in JSON: an `ExportTraceServiceRequest` or its like for metrics and logs, as OTLP has them. That is also what
/// a line of a file of OTLP JSON holds.
///
/// ```
/// use flowglass_otlp::{Limits, Signal, decode_json};
///
/// let json = r#"{"resourceSpans": [{"scopeSpans": [{"spans": [{
///     "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "I'm a server span",
///     "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000", "kind": 2
/// }]}]}]}"#;
/// let decoded = decode_json(Signal::Traces, json.as_bytes(), Limits::default())?;
/// assert_eq!(decoded.batches[0].spans().len(), 1);
/// # Ok::<(), flowglass_otlp::DecodeError>(())
/// ```
///
/// # Errors
/// If it isn't JSON, the layers around the items aren't OTLP, or the request is larger than the limit.
pub fn decode_json(signal: Signal, json: &[u8], limits: Limits) -> Result<Decoded, DecodeError> {
    if json.len() > limits.bytes {
        return Err(Flaw::Bytes.into());
    }
    let mut bytes = Vec::with_capacity(json.len() / 2);
    let left_out = to_protobuf(request_of(signal), json, &mut bytes)?;
    let mut decoded = decode(signal, &bytes, limits)?;
    decoded.rejected.merge(left_out.rejected);
    decoded.unknown_fields += left_out.unknown_fields;
    Ok(decoded)
}

/// Writes a request that is there in protobuf as JSON, behind what is in `out`.
///
/// # Errors
/// If it isn't protobuf, or not this request; `out` then holds its beginning.
pub fn request_to_json(signal: Signal, request: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    from_protobuf(request_of(signal), request, out).map_err(DecodeError::from)
}

/// Returns what a receiver of this signal answers.
pub(crate) fn response_of(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &schema::RESPONSE_TRACES,
        Signal::Metrics => &schema::RESPONSE_METRICS,
        Signal::Logs => &schema::RESPONSE_LOGS,
    }
}

/// Returns what is sent of this signal.
pub(crate) fn request_of(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &schema::REQUEST_TRACES,
        Signal::Metrics => &schema::REQUEST_METRICS,
        Signal::Logs => &schema::REQUEST_LOGS,
    }
}
