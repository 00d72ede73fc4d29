//! What arrives and is sent on is the same to others, for every signal, in protobuf and in JSON.

use flowglass_model::Batch;
use flowglass_otlp::{Limits, Signal, decode, decode_json, encode_logs, encode_metrics, encode_traces, request_to_json};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn send_on(signal: Signal, batches: &[Batch]) -> Vec<u8> {
    let mut out = Vec::new();
    for batch in batches {
        match signal {
            Signal::Traces => out.extend(encode_traces(batch)),
            Signal::Metrics => drop(encode_metrics(batch, &mut out)),
            Signal::Logs => drop(encode_logs(batch, &mut out)),
        }
    }
    out
}

/// Checks that a request comes back equal through our batches, that JSON of others means the same as their protobuf, and that our
/// JSON means to others what our protobuf does.
fn check<M>(signal: Signal, request: &M) -> Result<(), TestCaseError>
where
    M: Message + Default + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned,
{
    let bytes = request.encode_to_vec();
    let decoded = decode(signal, &bytes, Limits::default()).unwrap();
    prop_assert_eq!((decoded.rejected.count(), decoded.unknown_fields), (0, 0), "{}", decoded.rejected.message());
    let sent = send_on(signal, &decoded.batches);
    prop_assert_eq!(&M::decode(sent.as_slice()).unwrap(), request);

    let their_json = serde_json::to_vec(request).unwrap();
    let from_json = decode_json(signal, &their_json, Limits::default()).unwrap();
    prop_assert_eq!(from_json.rejected.count(), 0, "{}", from_json.rejected.message());
    let sent_of_json = send_on(signal, &from_json.batches);
    prop_assert_eq!(&M::decode(sent_of_json.as_slice()).unwrap(), request);

    let mut our_json = Vec::new();
    request_to_json(signal, &sent, &mut our_json).unwrap();
    let back: M = serde_json::from_slice(&our_json).unwrap();
    prop_assert_eq!(&back, request, "{}", String::from_utf8_lossy(&our_json));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn of_traces(request in crate::any::traces()) {
        check::<ExportTraceServiceRequest>(Signal::Traces, &request)?;
    }

    #[test]
    fn of_metrics(request in crate::any::metrics()) {
        check::<ExportMetricsServiceRequest>(Signal::Metrics, &request)?;
    }

    #[test]
    fn of_logs(request in crate::any::logs()) {
        check::<ExportLogsServiceRequest>(Signal::Logs, &request)?;
    }
}
