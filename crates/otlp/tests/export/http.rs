//! Over HTTP: everything arrives, and answers are understood.

use flowglass_model::Sink;
use flowglass_otlp::{Compression, FileExporter, Limits, Protocol, Response, Signal, decode, decode_json};

use crate::batches::{exporter, of_all_signals, spans};
use crate::http_receiver::{HttpReceiver, Reply};

#[test]
fn every_signal_arrives_in_both_forms_with_every_compression() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let receiver = HttpReceiver::start(Vec::new());
            let builder = exporter(&receiver.address()).protocol(protocol).compression(compression);
            let mut exporter = builder.header("X-Team", "words").build().unwrap();
            exporter.write(&of_all_signals()).unwrap();
            exporter.flush().unwrap();
            let received = receiver.received();
            assert_eq!(received.len(), 3);
            for signal in Signal::ALL {
                let path = format!("/{}", signal.http_path());
                let request = received.iter().find(|request| request.path == path).unwrap();
                assert_eq!(request.headers["x-team"], "words");
                assert!(request.headers["user-agent"].to_str().unwrap().starts_with("flowglass-otlp/"));
                let (kind, decoded) = match protocol {
                    Protocol::HttpJson => ("application/json", decode_json(signal, &request.body, Limits::default())),
                    _ => ("application/x-protobuf", decode(signal, &request.body, Limits::default())),
                };
                assert_eq!(request.headers["content-type"], kind);
                let counts = decoded.unwrap().batches[0].counts();
                assert_eq!(counts.total(), if signal == Signal::Logs { 2 } else { 1 });
            }
        }
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    let later = Reply { headers: vec![("retry-after", "0")], ..Reply::status(503) };
    let receiver = HttpReceiver::start(vec![later, Reply::status(429), Reply::status(200), Reply::status(400)]);
    let mut exporter = exporter(&receiver.address()).build().unwrap();
    exporter.write(&spans(&["a"])).unwrap();
    while exporter.flush().is_err() {}
    exporter.write(&spans(&["b", "c"])).unwrap();
    let error = exporter.flush().unwrap_err().to_string();
    assert!(error.contains("refused 2 spans: 400 Bad Request"), "{error}");
    let counts = exporter.stats().of(Signal::Traces);
    assert_eq!((counts.exported, counts.dropped, counts.retries), (1, 2, 2));
    assert_eq!((counts.requests.count(), counts.nearly_full), (4, 0), "each attempt is timed");
    assert!(counts.requests.last() > std::time::Duration::ZERO && counts.requests.mean() > std::time::Duration::ZERO);
    assert_eq!(receiver.received().len(), 4);
}

#[test]
fn a_long_pause_that_a_receiver_asks_for_does_not_hold_up_a_flush() {
    let later = Reply { headers: vec![("retry-after", "3600")], ..Reply::status(429) };
    let receiver = HttpReceiver::start(vec![later]);
    let backoff = flowglass_otlp::Backoff::default();
    let mut exporter = exporter(&receiver.address()).backoff(backoff).build().unwrap();
    exporter.write(&spans(&["a"])).unwrap();
    let error = exporter.flush().unwrap_err().to_string();
    assert!(error.contains("still wait") && error.contains("429"), "{error}");
    assert!(exporter.flush().is_err());
    assert_eq!(receiver.received().len(), 1, "nor is the receiver asked before its time");
}

#[test]
fn a_partial_success_is_counted_and_told() {
    let partial = Response { rejected: 1, message: "odd".into() };
    for (protocol, body) in
        [(Protocol::HttpProtobuf, partial.encode()), (Protocol::HttpJson, partial.encode_json(Signal::Traces))]
    {
        let receiver = HttpReceiver::start(vec![Reply { body, ..Reply::status(200) }]);
        let mut exporter = exporter(&receiver.address()).protocol(protocol).build().unwrap();
        exporter.write(&spans(&["a", "b"])).unwrap();
        let error = exporter.flush().unwrap_err().to_string();
        assert!(error.contains("left out 1 of 2 spans: odd"), "{error}");
        let counts = exporter.stats().of(Signal::Traces);
        assert_eq!((counts.exported, counts.rejected), (1, 1));
    }
}

#[test]
fn wrong_addresses_are_told_with_what_to_do() {
    let page = Reply { headers: vec![("content-type", "text/html")], body: b"<html>".to_vec(), ..Reply::status(200) };
    let moved = Reply { headers: vec![("location", "https://there/")], ..Reply::status(301) };
    for (reply, hint) in [
        (page, "web page"),
        (moved, "use that address"),
        (Reply::status(404), "no OTLP receiver listens on this path"),
        (Reply::status(401), "check the token"),
        (Reply::status(413), "not even one item"),
    ] {
        let receiver = HttpReceiver::start(vec![reply]);
        let mut exporter = exporter(&receiver.address()).build().unwrap();
        exporter.write(&spans(&["a"])).unwrap();
        let error = exporter.flush().unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
        assert_eq!(exporter.stats().of(Signal::Traces).dropped, 1);
    }
}

#[test]
fn what_is_too_large_for_a_receiver_is_cut() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let receiver = HttpReceiver::start(vec![Reply::status(413), Reply::status(413)]);
            let builder = exporter(&receiver.address()).protocol(protocol).compression(compression);
            let mut exporter = builder.build().unwrap();
            exporter.write(&spans(&["a", "b", "c", "d"])).unwrap();
            exporter.flush().unwrap();
            let sizes: Vec<usize> = receiver.received().iter().map(|request| spans_of(protocol, &request.body)).collect();
            assert_eq!(sizes, [4, 2, 1, 1, 2]);
            let counts = exporter.stats().of(Signal::Traces);
            assert_eq!((counts.exported, counts.dropped, counts.retries), (4, 0, 2));
        }
    }
}

#[test]
fn a_batch_is_sent_in_requests_of_the_size_that_was_set() {
    let receiver = HttpReceiver::start(Vec::new());
    let mut exporter = exporter(&receiver.address()).request_bytes(300).build().unwrap();
    exporter.write(&spans(&["x"; 20])).unwrap();
    exporter.flush().unwrap();
    let received = receiver.received();
    assert!(received.len() > 2 && received.iter().all(|request| request.body.len() <= 300));
    assert_eq!(received.iter().map(|request| spans_of(Protocol::HttpProtobuf, &request.body)).sum::<usize>(), 20);
    assert_eq!(exporter.stats().of(Signal::Traces).exported, 20);
}

fn spans_of(protocol: Protocol, body: &[u8]) -> usize {
    let decoded = match protocol {
        Protocol::HttpJson => decode_json(Signal::Traces, body, Limits::default()),
        _ => decode(Signal::Traces, body, Limits::default()),
    };
    decoded.unwrap().batches.iter().map(|batch| batch.spans().len()).sum()
}

#[test]
fn a_file_holds_a_request_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("telemetry.jsonl");
    FileExporter::append(&path).unwrap().write(&of_all_signals()).unwrap();
    FileExporter::append(&path).unwrap().write(&spans(&["later"])).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    for (line, signal) in lines.iter().zip([Signal::Traces, Signal::Metrics, Signal::Logs, Signal::Traces]) {
        let decoded = decode_json(signal, line.as_bytes(), Limits::default()).unwrap();
        assert_eq!((decoded.batches.len(), decoded.unknown_fields), (1, 0));
    }
    assert!(FileExporter::append(folder.path()).is_err());
}
