//! Over gRPC: everything arrives, and answers are understood.

use flowglass_model::Sink;
use flowglass_otlp::{Compression, Signal};
use tonic::{Code, Status};

use crate::batches::{exporter, of_all_signals, spans};
use crate::grpc_receiver::{GrpcReceiver, partial};

#[test]
fn every_signal_arrives_with_every_compression() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let receiver = GrpcReceiver::start(Vec::new());
        let mut exporter = exporter(&receiver.address).compression(compression).header("x-team", "words").build().unwrap();
        exporter.write(&of_all_signals()).unwrap();
        exporter.flush().unwrap();
        let seen = &receiver.seen;
        let traces = seen.traces.lock().unwrap();
        assert_eq!(traces[0].resource_spans[0].scope_spans[0].spans[0].name, "node clean");
        assert_eq!(traces[0].resource_spans[0].resource.as_ref().unwrap().attributes[0].key, "service.name");
        assert_eq!(seen.metrics.lock().unwrap()[0].resource_metrics[0].scope_metrics[0].metrics[0].name, "node.executions");
        let logs = seen.logs.lock().unwrap();
        let records: Vec<_> = logs[0].resource_logs[0].scope_logs.iter().flat_map(|scope| &scope.log_records).collect();
        assert_eq!((records.len(), records[1].event_name.as_str()), (2, "deployed"));
        assert_eq!(seen.metadata.lock().unwrap()[0].get("x-team").unwrap(), "words");
        let counts = Signal::ALL.map(|signal| exporter.stats().of(signal).exported);
        assert_eq!(counts, [1, 1, 2]);
    }
}

#[test]
fn a_busy_receiver_is_asked_again_until_it_takes() {
    let busy = || Err(Status::new(Code::Unavailable, "busy"));
    let receiver = GrpcReceiver::start(vec![busy(), busy(), busy()]);
    let mut exporter = exporter(&receiver.address).build().unwrap();
    exporter.write(&spans(&["a", "b"])).unwrap();
    while exporter.flush().is_err() {}
    let counts = exporter.stats().of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped, counts.retries, counts.last_error.as_str()), (2, 0, 3, ""));
    assert_eq!(receiver.seen.traces.lock().unwrap().len(), 1);
}

#[test]
fn a_refusal_is_counted_and_told_and_not_repeated() {
    let receiver = GrpcReceiver::start(vec![Err(Status::new(Code::Unauthenticated, "who are you?"))]);
    let mut exporter = exporter(&receiver.address).build().unwrap();
    exporter.write(&spans(&["a", "b"])).unwrap();
    let error = exporter.flush().unwrap_err().to_string();
    assert!(error.contains("refused 2 spans") && error.contains("who are you?") && error.contains("token"), "{error}");
    exporter.flush().unwrap();
    let counts = exporter.stats().of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped, counts.retries), (0, 2, 0));
}

#[test]
fn a_partial_success_is_counted_and_told() {
    let receiver = GrpcReceiver::start(vec![Ok(partial(1, "span \"b\" is odd"))]);
    let mut exporter = exporter(&receiver.address).build().unwrap();
    exporter.write(&spans(&["a", "b"])).unwrap();
    let error = exporter.flush().unwrap_err().to_string();
    assert!(error.contains("left out 1 of 2 spans: span \"b\" is odd"), "{error}");
    let counts = exporter.stats().of(Signal::Traces);
    assert_eq!((counts.exported, counts.rejected, counts.dropped), (1, 1, 0));
}
