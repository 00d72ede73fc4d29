//! How a receiver ends: what has begun is finished and made durable, and nothing else is accepted.

use std::time::Duration;

use flowglass_server::ServeErrorKind;

use crate::client::{PROTOBUF, Setting, builder, http, post, runtime, traces};
use crate::sinks::{Gated, Remember, Seen};

const LONG: Duration = Duration::from_secs(60);

#[test]
fn what_has_begun_is_finished() {
    let seen = Seen::default();
    let (sink, gate) = Gated::new(&seen);
    let receiver = builder().start(sink).unwrap();
    let to = receiver.http_addresses()[0];
    let runtime = runtime();
    let first = runtime.spawn(http(to, post(PROTOBUF, traces("shop", &["first"]))));
    gate.arrived.recv().unwrap();
    let stopping = std::thread::spawn(move || receiver.stop(LONG));
    gate.let_in.send(()).unwrap();
    assert_eq!(runtime.block_on(first).unwrap().status, 200);
    assert_eq!(stopping.join().unwrap().unwrap().taken.spans, 1);
    assert_eq!((seen.span_names(), seen.flushes()), (vec!["first".to_owned()], 1));
    assert!(std::net::TcpStream::connect(to).is_err(), "nobody listens any more");
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let setting = Setting::new();
    let to = setting.receiver.http_addresses()[0];
    let idle: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(to).unwrap()).collect();
    assert_eq!(setting.http(post(PROTOBUF, traces("shop", &["a"]))).status, 200);
    setting.receiver.stop(Duration::from_millis(200)).unwrap();
    drop(idle);
    assert_eq!(setting.seen.flushes(), 1);
}

#[test]
fn a_dropped_receiver_gives_its_port_back() {
    let receiver = builder().start(Remember(Seen::default())).unwrap();
    let address = receiver.http_addresses()[0].to_string();
    let taken = builder().http(&address).start(Remember(Seen::default())).unwrap_err();
    assert_eq!(taken.kind(), ServeErrorKind::InUse);
    drop(receiver);
    builder().http(&address).start(Remember(Seen::default())).unwrap().stop(LONG).unwrap();
}

#[test]
fn it_can_be_stopped_from_within_a_runtime() {
    let receiver = builder().start(Remember(Seen::default())).unwrap();
    runtime().block_on(async move { drop(receiver) });
}
