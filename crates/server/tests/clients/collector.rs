//! A collector that isn't ours, [Rotel](https://github.com/streamfold/rotel), between our exporter and our receiver: it takes all that
//! we send, and what it sends on is what we sent, field by field.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use flowglass_model::{Batch, Sink, SinkError};
use flowglass_otlp::{Backoff, Compression, Exporter, Protocol, Signal};
use flowglass_server::Receiver;

use crate::everything::{batch, compare, count};
use crate::run::installed;

/// A sink that passes on what it gets.
struct Pass(Sender<Arc<Batch>>);

impl Sink for Pass {
    fn write(&mut self, batch: &Arc<Batch>) -> Result<(), SinkError> {
        // Nobody listens only when the test is over.
        let _ = self.0.send(Arc::clone(batch));
        Ok(())
    }
}

/// A collector that sends on what it gets; it ends with this.
struct Collector {
    process: Child,
    grpc: String,
    http: String,
}

impl Collector {
    /// Starts one that sends to an endpoint by a protocol, `grpc` or `http`.
    fn start(protocol: &str, endpoint: &str) -> Self {
        // Both are held until both are known, so that they differ.
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [grpc, http] = free.map(|listener| listener.local_addr().unwrap().to_string());
        let mut command = Command::new(installed("python/bin/python"));
        let program =
            "import os, rotel, sys; os.execv(os.path.dirname(rotel.__file__) + '/rotel-agent', ['rotel-agent'] + sys.argv[1:])";
        command.args(["-c", program, "start", "--disable-batching", "--exporter", "otlp"]);
        command.args(["--otlp-grpc-endpoint", &grpc, "--otlp-http-endpoint", &http]);
        command.args(["--otlp-exporter-protocol", protocol, "--otlp-exporter-endpoint", endpoint]);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        Self { process, grpc: format!("http://{grpc}"), http: format!("http://{http}") }
    }

    fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a batch, as often as it takes until the collector listens.
fn send(collector: &mut Collector, batch: &Arc<Batch>, protocol: Protocol, compression: Compression) {
    let endpoint = if protocol == Protocol::Grpc { &collector.grpc } else { &collector.http };
    let backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(50) };
    let builder = Exporter::builder(endpoint).protocol(protocol).compression(compression).backoff(backoff);
    let mut exporter = builder.build().unwrap();
    exporter.write(batch).unwrap();
    while let Err(error) = exporter.flush() {
        assert!(collector.is_running() && error.to_string().contains("can't connect"), "{error}");
    }
    for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
        let counts = exporter.stats().of(signal);
        assert_eq!((counts.rejected, counts.dropped), (0, 0), "{protocol:?}: {signal:?}");
    }
}

/// Sends all there is by every protocol through a collector that sends on by one.
fn arrives_by(forward: &str, endpoint: impl Fn(&Receiver) -> String) {
    let (sender, arriving) = mpsc::channel();
    let receiver = Receiver::builder().http("127.0.0.1:0").grpc("127.0.0.1:0").start(Pass(sender)).unwrap();
    let mut collector = Collector::start(forward, &endpoint(&receiver));
    let ways = [
        (Protocol::Grpc, Compression::None),
        (Protocol::Grpc, Compression::Gzip),
        (Protocol::HttpProtobuf, Compression::None),
        (Protocol::HttpProtobuf, Compression::Gzip),
        (Protocol::HttpJson, Compression::None),
        (Protocol::HttpJson, Compression::Gzip),
    ];
    for (number, (protocol, compression)) in (1..).zip(ways) {
        // This version of the collector loses the data of metrics in JSON, without a word, where 64-bit numbers are texts, as protobuf
        // asks for; it reads spans and logs right.
        let sent = [batch(number, protocol != Protocol::HttpJson)];
        send(&mut collector, &sent[0], protocol, compression);
        let mut arrived = Vec::new();
        while count(&arrived) < count(&sent) {
            // Only one that hangs takes as long.
            let next = arriving.recv_timeout(Duration::from_secs(30));
            arrived
                .push(next.unwrap_or_else(|_| panic!("{protocol:?} {compression:?}: {} of {}", count(&arrived), count(&sent))));
        }
        compare(&arrived, &sent, &format!("{protocol:?} {compression:?}"));
    }
    let stats = receiver.stats();
    assert_eq!((stats.rejected, stats.unknown_fields, stats.refused_requests, stats.postponed_requests), (0, 0, 0, 0));
}

#[test]
fn what_it_sends_on_by_grpc_is_what_we_sent() {
    arrives_by("grpc", |receiver| format!("http://{}", receiver.grpc_addresses()[0]));
}

#[test]
fn what_it_sends_on_by_http_is_what_we_sent() {
    arrives_by("http", |receiver| format!("http://{}", receiver.http_addresses()[0]));
}
