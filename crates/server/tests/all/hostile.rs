//! Whatever arrives: an answer with a status of the client's fault or none at all, and the receiver goes on.

use flowglass_otlp::Signal;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{JSON, PROTOBUF, Setting, call_to, framed, gzip, post_to, traces, with_header};

/// Bodies near to real ones: one with some bytes changed, cut, or noise.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let changed = (
        proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        any::<prop::sample::Index>(),
        any::<bool>(),
    )
        .prop_map(|(changes, end, is_cut)| {
            let mut body = traces("shop", &["one", "two", "three"]);
            for (place, byte) in changes {
                let place = place.index(body.len());
                body[place] = byte;
            }
            if is_cut {
                body.truncate(end.index(body.len()));
            }
            body
        });
    prop_oneof![changed, proptest::collection::vec(any::<u8>(), 0..400)]
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

#[test]
fn bodies_of_any_kind_are_answered() {
    let setting = Setting::new();
    let strategy = (bodies(), 0..3usize, 0..3usize, any::<bool>());
    let ran = runner(200).run(&strategy, |(body, signal, packing, is_json)| {
        let path = format!("/{}", Signal::ALL[signal].http_path());
        let body = match packing {
            0 => body,
            1 => gzip(&body),
            _ => zstd::bulk::compress(&body, 1).unwrap(),
        };
        let request = post_to(&path, if is_json { JSON } else { PROTOBUF }, body);
        let answer = setting.http(match packing {
            0 => request,
            1 => with_header(request, "content-encoding", "gzip"),
            _ => with_header(request, "content-encoding", "zstd"),
        });
        prop_assert!(matches!(answer.status, 200 | 400 | 413), "{:?}", answer);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn calls_of_any_kind_are_answered() {
    let setting = Setting::new();
    let strategy = (bodies(), 0..3usize, any::<u8>(), any::<bool>(), any::<bool>());
    let ran = runner(200).run(&strategy, |(body, signal, flag, is_framed, is_named)| {
        let body = if is_framed { framed(flag & 1, &body).to_vec() } else { body };
        let request = call_to(Signal::ALL[signal].grpc_path(), &body);
        let answer = setting.grpc(if is_named { with_header(request, "grpc-encoding", "gzip") } else { request });
        prop_assert!(matches!(answer.header("grpc-status"), "0" | "3" | "8"), "{:?}", answer);
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn noise_instead_of_http_ends_the_connection() {
    let setting = Setting::new();
    let to = setting.receiver.http_addresses()[0];
    let ran = runner(100).run(&proptest::collection::vec(any::<u8>(), 24..300), |noise| {
        setting.runtime.block_on(async {
            let mut stream = TcpStream::connect(to).await.unwrap();
            // The other side may have closed by now.
            let _ = stream.write_all(&noise).await;
            let _ = stream.write_all(b"\r\n\r\n").await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            prop_assert!(!answer.starts_with(b"HTTP/1.1 2"));
            Ok(())
        })
    });
    ran.unwrap();
    assert_eq!(setting.http(post_to("/v1/traces", PROTOBUF, traces("shop", &["a"]))).status, 200);
}
