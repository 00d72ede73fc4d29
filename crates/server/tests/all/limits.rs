//! What is too large, too many or too slow is refused, with the right words, and costs no more than the limits allow.

use std::time::Duration;

use flowglass_otlp::Signal;
use flowglass_server::ReceiverLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{PROTOBUF, Setting, builder, call, call_to, framed, grpc, gzip, http, post, runtime, traces, with_header};
use crate::sinks::{Gated, Seen};

fn limited(limits: ReceiverLimits) -> Setting {
    Setting::with(|builder| builder.limits(limits))
}

#[test]
fn large_requests_are_refused_before_they_are_read() {
    let setting = limited(ReceiverLimits { body_bytes: 1000, message_bytes: 2000, ..ReceiverLimits::default() });
    let answer = setting.http(post(PROTOBUF, vec![0; 1001]));
    assert_eq!((answer.status, answer.header("connection")), (413, "close"));
    assert!(String::from_utf8_lossy(&answer.body).contains("a request may have 1000 bytes; send smaller batches"));
    let bomb = gzip(&vec![0; 100_000]);
    let answer = setting.http(with_header(post(PROTOBUF, bomb.clone()), "content-encoding", "gzip"));
    assert!(answer.status == 413 && String::from_utf8_lossy(&answer.body).contains("when it is decompressed"));
    assert_eq!(setting.grpc(call(Signal::Traces, &[0; 1001])).header("grpc-status"), "8");
    let path = Signal::Traces.grpc_path();
    let answer = setting.grpc(with_header(call_to(path, &framed(1, &bomb)), "grpc-encoding", "gzip"));
    assert_eq!(answer.header("grpc-status"), "8", "{answer:?}");
}

#[test]
fn a_request_with_too_many_records_keeps_what_fits() {
    let setting = limited(ReceiverLimits { rows: 300, ..ReceiverLimits::default() });
    let names: Vec<String> = (0..100).map(|at| format!("span {at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = setting.http(post(PROTOBUF, traces("shop", &names)));
    let response = flowglass_otlp::Response::decode(&answer.body).unwrap();
    let kept = setting.seen.span_names().len() as u64;
    assert!(kept > 0 && kept < 100);
    assert_eq!(kept + response.rejected, 100);
    assert!(response.message.contains("too many records"), "{}", response.message);
}

#[test]
fn many_headers_are_refused() {
    let setting = Setting::new();
    let mut request = post(PROTOBUF, traces("shop", &["a"]));
    for at in 0..150 {
        request.headers_mut().append("x-more", at.to_string().parse().unwrap());
    }
    assert_eq!(setting.http(request).status, 431);
    let mut call = call(Signal::Traces, b"");
    for at in 0..100 {
        call.headers_mut().insert(http::HeaderName::try_from(format!("x-{at}")).unwrap(), "y".repeat(1000).parse().unwrap());
    }
    let answered = setting.runtime.block_on(async { tokio::spawn(grpc(setting.receiver.grpc_addresses()[0], call)).await });
    assert!(answered.is_err() || answered.unwrap().status == 431, "the call isn't taken");
    assert_eq!(setting.http(post(PROTOBUF, traces("shop", &["b"]))).status, 200, "others are served");
}

#[test]
fn without_room_senders_are_told_to_come_again() {
    let seen = Seen::default();
    let (sink, gate) = Gated::new(&seen);
    let limits = ReceiverLimits {
        body_bytes: 40 << 10,
        message_bytes: 40 << 10,
        memory_bytes: 64 << 10,
        patience: Duration::ZERO,
        ..ReceiverLimits::default()
    };
    let receiver = builder().limits(limits).start(sink).unwrap();
    let (to, calls_to) = (receiver.http_addresses()[0], receiver.grpc_addresses()[0]);
    let runtime = runtime();
    let names: Vec<String> = (0..600).map(|at| format!("a span with a long name {at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let large = traces("shop", &names[..400]);
    let first = runtime.spawn(http(to, post(PROTOBUF, large.clone())));
    gate.arrived.recv().unwrap();
    // The first one waits for the sink, and there is no room for another.
    runtime.block_on(async {
        let second = http(to, post(PROTOBUF, large.clone())).await;
        assert_eq!((second.status, second.header("retry-after")), (503, "1"), "{second:?}");
        let third = grpc(calls_to, call(Signal::Traces, &large)).await;
        assert_eq!((third.header("grpc-status"), third.header("grpc-status-details-bin").is_empty()), ("14", false));
    });
    gate.let_in.send(()).unwrap();
    assert_eq!(runtime.block_on(first).unwrap().status, 200);
    gate.let_in.send(()).unwrap();
    assert_eq!(runtime.block_on(http(to, post(PROTOBUF, large))).status, 200, "there is room again");
    assert_eq!(receiver.stats().postponed_requests, 2);
}

#[test]
fn requests_that_wait_are_written_together() {
    let seen = Seen::default();
    let (sink, gate) = Gated::new(&seen);
    let receiver = builder().start(sink).unwrap();
    let to = receiver.http_addresses()[0];
    let runtime = runtime();
    let first = runtime.spawn(http(to, post(PROTOBUF, traces("shop", &["first"]))));
    gate.arrived.recv().unwrap();
    let others: Vec<_> = (0..5).map(|_| runtime.spawn(http(to, post(PROTOBUF, traces("shop", &["other"]))))).collect();
    while receiver.stats().waiting_requests < 6 {
        std::thread::yield_now();
    }
    drop(gate.let_in);
    assert_eq!(runtime.block_on(first).unwrap().status, 200);
    for other in others {
        assert_eq!(runtime.block_on(other).unwrap().status, 200);
    }
    let groups = seen.groups();
    assert_eq!((groups[0], groups.iter().sum::<usize>()), (1, 6));
    assert_eq!(groups.len(), 2, "{groups:?}");
}

#[test]
fn a_bad_request_of_a_group_costs_itself_only() {
    let seen = Seen::default();
    let (sink, gate) = Gated::new(&seen);
    let receiver = builder().start(sink).unwrap();
    let to = receiver.http_addresses()[0];
    let runtime = runtime();
    let send = |name: &'static str| runtime.spawn(http(to, post(PROTOBUF, traces("shop", &[name]))));
    let first = send("first");
    gate.arrived.recv().unwrap();
    let others = ["a", "bad", "b", "bad", "c"].map(|name| (name, send(name)));
    while receiver.stats().waiting_requests < 6 {
        std::thread::yield_now();
    }
    drop(gate.let_in);
    assert_eq!(runtime.block_on(first).unwrap().status, 200);
    for (name, other) in others {
        let status = runtime.block_on(other).unwrap().status;
        assert_eq!(status, if name == "bad" { 500 } else { 200 }, "{name}");
    }
    let mut names = seen.span_names();
    names.sort();
    assert_eq!(names, ["a", "b", "c", "first"]);
}

#[test]
fn slow_senders_are_let_go() {
    let limits = ReceiverLimits {
        request_time: Duration::from_millis(20),
        idle_time: Duration::from_millis(20),
        ..ReceiverLimits::default()
    };
    let setting = limited(limits);
    let to = setting.receiver.http_addresses()[0];
    setting.runtime.block_on(async {
        for beginning in ["", "PRI * HTT", "POST /v1/traces HTT", "POST /v1/traces HTTP/1.1\r\nx-a: b\r\n"] {
            let mut stream = TcpStream::connect(to).await.unwrap();
            stream.write_all(beginning.as_bytes()).await.unwrap();
            let mut rest = Vec::new();
            // The other side closes; it may say why.
            let _ = stream.read_to_end(&mut rest).await;
            assert!(!String::from_utf8_lossy(&rest).contains(" 200 "), "{beginning}");
        }
        let mut stream = TcpStream::connect(to).await.unwrap();
        let head =
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100\r\n\r\nslow";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("the request took too long"), "{answer}");
    });
}

#[test]
fn a_body_without_a_length_is_bounded_too() {
    let setting = limited(ReceiverLimits { body_bytes: 1000, ..ReceiverLimits::default() });
    let to = setting.receiver.http_addresses()[0];
    setting.runtime.block_on(async {
        let mut stream = TcpStream::connect(to).await.unwrap();
        let head =
            "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
        for _ in 0..3 {
            stream.write_all(chunk.as_bytes()).await.unwrap();
        }
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
    });
}

#[test]
fn connections_beyond_the_limit_wait() {
    let setting = limited(ReceiverLimits { connections: 1, ..ReceiverLimits::default() });
    let to = setting.receiver.http_addresses()[0];
    setting.runtime.block_on(async {
        let first = TcpStream::connect(to).await.unwrap();
        let mut waiting = TcpStream::connect(to).await.unwrap();
        waiting.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        drop(first);
        let mut answer = String::new();
        waiting.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    });
}
