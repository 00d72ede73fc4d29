//! `flowglass-bench ingest [--json] [--seconds N] [--connections N]`: what receiving OTLP costs, and how much a receiver takes.
//!
//! The receiver is a process of its own, the load comes from this one, on the same machine. Each request has a thousand spans
//! with ten attributes and fresh ids; the next one is sent when the last was answered.

mod grpc;
mod http;
mod load;
mod receiver;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flowglass::store::{SpanFilter, SqliteStore};

use crate::arguments::Arguments;
use crate::figures::Figures;
use load::{Load, SPANS, Sent};
use receiver::{Into, Server};

/// How often what takes milliseconds is measured.
const ROUNDS: usize = 15;
/// How many spans are stored when the start is measured.
const STORED: u64 = 1_000_000;

/// Sends for `--seconds`, 10 if that isn't given, over each protocol, and asks a full store.
pub(crate) fn run(mut arguments: Arguments<'_>) -> Result<Figures, String> {
    let time = Duration::from_secs(arguments.number("--seconds", 10)?);
    let connections = usize::try_from(arguments.number("--connections", 4)?).unwrap_or(1).max(1);
    arguments.finish()?;
    let folder = Folder(std::env::temp_dir().join(format!("flowglass-bench-ingest-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).map_err(|error| error.to_string())?;
    measure(&folder.0, time, connections).map_err(|error| error.to_string())
}

/// A folder that goes when the benchmark ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays is only a nuisance.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn measure(folder: &Path, time: Duration, connections: usize) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let (by_http, by_grpc) = (folder.join("http.db"), folder.join("grpc.db"));

    let server = Server::start(&Into::Store(by_http.clone()))?;
    figures.add("idle_mb", server.memory_mb("VmRSS:")?);
    let sent = push(&mut figures, "http", &server, || http::send(server.http(), connections, time))?;
    let more = STORED.saturating_sub(sent.spans).div_ceil(SPANS as u64);
    http::send_requests(server.http(), more)?;
    let peak = server.memory_mb("VmHWM:")?;
    all_taken(sent.spans + more * SPANS as u64, server)?;

    let server = Server::start(&Into::Store(by_grpc))?;
    let sent = push(&mut figures, "grpc", &server, || grpc::send(server.grpc(), connections, time))?;
    figures.add("peak_mb", peak.max(server.memory_mb("VmHWM:")?));
    all_taken(sent.spans, server)?;

    let server = Server::start(&Into::Nothing)?;
    push(&mut figures, "http_wire", &server, || http::send(server.http(), connections, time / 2))?;
    push(&mut figures, "grpc_wire", &server, || grpc::send(server.grpc(), connections, time / 2))?;
    server.stop()?;

    figures.add("start_ms", start_ms(&by_http)?);
    figures.add("queryable_ms", queryable_ms(&by_http)?);
    Ok(figures)
}

/// Says whether the receiver has what was sent.
fn all_taken(sent: u64, server: Server) -> Outcome<()> {
    let taken = server.stop()?;
    if taken == sent { Ok(()) } else { Err(format!("{sent} spans were sent, and {taken} taken").into()) }
}

/// Sends, waits until the receiver has nothing more to do, and says how fast it was and what that cost it.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn push(figures: &mut Figures, name: &str, server: &Server, send: impl FnOnce() -> Outcome<Sent>) -> Outcome<Sent> {
    let before = server.cpu_s()?;
    let sent = send()?;
    let cpu_s = server.cpu_s_when_idle()? - before;
    let spans = sent.spans as f64;
    figures.add(&format!("{name}_spans_per_s"), spans / sent.time.as_secs_f64());
    figures.add(&format!("{name}_cpu_s_per_million"), cpu_s / spans * 1e6);
    Ok(sent)
}

/// From the start of the process until it answers, with a store that is full.
fn start_ms(store: &Path) -> Outcome<f64> {
    median((0..ROUNDS).map(|_| {
        let began = Instant::now();
        let server = Server::start(&Into::Store(store.to_owned()))?;
        http::ask(server.http())?;
        let took = began.elapsed();
        server.stop()?;
        Ok(took)
    }))
}

/// From the answer to a request until a question finds what was in it.
fn queryable_ms(path: &Path) -> Outcome<f64> {
    let server = Server::start(&Into::Store(path.to_owned()))?;
    let store = SqliteStore::open(path)?;
    let mut load = Load::new();
    let mut connection = http::Connection::open(server.http())?;
    let found = median((0..ROUNDS).map(|_| {
        connection.send(load.next())?;
        let answered = Instant::now();
        let spans = store.spans(&SpanFilter { trace_id: Some(load.last_trace()), ..SpanFilter::default() })?;
        let took = answered.elapsed();
        if spans.is_empty() { Err("what was answered isn't there".into()) } else { Ok(took) }
    }));
    server.stop()?;
    found
}

fn median(times: impl Iterator<Item = Outcome<Duration>>) -> Outcome<f64> {
    let mut times: Vec<Duration> = times.collect::<Outcome<_>>()?;
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e3)
}
