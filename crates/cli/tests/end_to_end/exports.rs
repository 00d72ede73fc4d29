//! `--otlp` and `--console`: a run goes elsewhere besides its store.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flowglass::otlp::{Limits, Signal, decode, decode_json};
use serde_json::Value;

use crate::harness::{Call, Home};

const PIPELINE: &str = "[[node]]\noutput = 'a'\ncommand = ['echo', 'hi']\ncache = false\n";

/// Paths and bodies.
type Requests = Mutex<Vec<(String, Vec<u8>)>>;

/// Somebody who takes requests over HTTP.
struct Receiver {
    address: SocketAddr,
    requests: Arc<Requests>,
}

impl Receiver {
    fn start(at: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Requests>::default();
        let taken = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = Arc::clone(&taken);
                // A client that goes away is none of the receiver's business.
                thread::spawn(move || while take(&stream, &taken).is_ok() {});
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The names of the spans that arrived so far, sorted.
    fn spans(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (path, body) in self.requests.lock().unwrap().iter().filter(|(path, _)| path == "/v1/traces") {
            let decoded = decode(Signal::Traces, body, Limits::default()).unwrap_or_else(|error| panic!("{path}: {error}"));
            names.extend(decoded.batches.iter().flat_map(|batch| batch.spans().map(|span| span.name().to_owned())));
        }
        names.sort();
        names
    }
}

fn take(stream: &TcpStream, taken: &Requests) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |text| text.trim().parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    taken.lock().unwrap().push((head.split(' ').nth(1).unwrap_or_default().to_owned(), body));
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn plain(call: Call) -> Call {
    call.env("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
}

#[test]
fn a_run_is_sent_to_a_receiver_too() {
    let (home, receiver) = (Home::with(PIPELINE), Receiver::start(anywhere()));
    let url = receiver.url();
    plain(home.call(&["run", "p.toml", "--otlp", &url])).end().ok().tells(&[&format!("sent to {url}")]);
    assert_eq!(receiver.spans(), ["node a", "pipeline p"]);
    assert_eq!(home.shown()["spans"].as_array().unwrap().len(), 2);
}

#[test]
fn the_standard_variable_says_where_to() {
    let (home, receiver) = (Home::with(PIPELINE), Receiver::start(anywhere()));
    plain(home.call(&["run", "p.toml"])).env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url()).end().ok();
    assert_eq!(receiver.spans(), ["node a", "pipeline p"]);
}

#[test]
fn what_nobody_takes_waits_and_goes_with_the_next_run() {
    let home = Home::with(PIPELINE);
    let address = TcpListener::bind(anywhere()).unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let run = || plain(home.call(&["run", "p.toml", "--otlp", &url]));
    run().end().ok().tells(&["warning: some spans still wait", "on disk", "can't connect"]);
    assert!(home.has(".flowglass/spool"));
    let receiver = Receiver::start(address);
    run().end().ok();
    assert_eq!(receiver.spans(), ["node a", "node a", "pipeline p", "pipeline p"]);
}

#[test]
fn a_file_takes_requests_as_lines() {
    let home = Home::with(PIPELINE);
    home.run(&["--otlp", "file:sent.jsonl"]).ok();
    let line = home.read("sent.jsonl");
    let decoded = decode_json(Signal::Traces, line.lines().next().unwrap().as_bytes(), Limits::default()).unwrap();
    assert!(decoded.batches[0].spans().len() > 0);
}

#[test]
fn the_console_shows_a_tree() {
    let home = Home::with(PIPELINE);
    let id = home.run(&["--console"]).ok().tells(&["trace ", "✓ p "]).run_id();
    let ended = home.run(&["--console=tree", "--quiet"]).ok();
    assert!(ended.stderr.starts_with("trace ") && !ended.stderr.contains(&id), "{ended}");
    assert!(ended.stderr.contains("a "), "{ended}");
}

#[test]
fn the_console_writes_lines_for_programs() {
    let home = Home::with(PIPELINE);
    let ended = home.run(&["--console=json", "--quiet"]).ok();
    let lines: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["resourceSpans"].is_array()), "{ended}");
}

#[test]
fn what_is_no_destination_is_refused_before_anything_runs() {
    let home = Home::with("[[node]]\noutput = 'a'\ncommand = ['touch', 'made']\n");
    home.run(&["--otlp", "localhost:4317"]).refuses(&["--otlp localhost:4317", "scheme"]);
    home.run(&["--otlp", "jeager"]).refuses(&["did you mean `jaeger`"]);
    home.run(&["--otlp", "logfire"]).refuses(&["LOGFIRE_TOKEN"]);
    home.run(&["--console=xml"]).refuses(&["tree"]);
    assert!(!home.has("made"));
}

#[test]
fn logfires_project_is_named_with_its_address() {
    let (home, receiver) = (Home::with(PIPELINE), flowglass::server::Receiver::builder().http("127.0.0.1:0").without_grpc());
    let receiver = receiver.token("pylf_v1_us_secret").start(flowglass::Recorder::in_memory()).unwrap();
    let url = format!("http://{}", receiver.http_addresses()[0]);
    let run = |token: &str| {
        let call = home.call(&["run", "p.toml", "--otlp", "logfire"]);
        call.env("LOGFIRE_TOKEN", token).env("LOGFIRE_BASE_URL", &url).end().ok()
    };
    run("pylf_v1_us_secret").tells(&["sent to logfire", &format!("Logfire project: {url}")]);
    let ended = run("wrong");
    assert!(!ended.stderr.contains("Logfire project"), "{ended}");
}

#[test]
fn a_queue_that_was_full_or_nearly_is_warned_of_once() {
    let home = Home::with(PIPELINE);
    let run = |bytes: &str| home.call(&["run", "p.toml"]).env("FLOWGLASS_RECORDING_QUEUE_BYTES", bytes).end().ok().stderr;
    // Any batch is too large for it; whether another one came meanwhile, and was lost, is chance.
    let told = run("64");
    assert_eq!(told.matches("warning: the queue of store was").count(), 1, "{told}");
    assert!(!run("16MiB").contains("the queue of"));
}
