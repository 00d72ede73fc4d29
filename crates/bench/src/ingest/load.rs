//! Requests: one that is made once, and copies of it with fresh ids and times.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flowglass::otlp::encode_traces;
use flowglass_model::{BatchBuilder, Resource, Span, SpanId, SpanKind, TraceId, WriterId};

use super::Outcome;

/// Spans of a request.
pub(super) const SPANS: usize = 1000;
/// Spans of a trace.
const TRACE_SPANS: usize = 10;

/// What was sent, and how long that took.
pub(super) struct Sent {
    pub(super) spans: u64,
    pub(super) time: Duration,
}

/// Sends for so long over so many connections, each of which `open` opens: a request after the other, when the last was answered.
pub(super) fn send_by<S>(connections: usize, time: Duration, open: impl Fn() -> Outcome<S> + Sync) -> Outcome<Sent>
where
    S: FnMut(&[u8]) -> Outcome<()>,
{
    let began = Instant::now();
    let send = || -> Outcome<u64> {
        let (mut send, mut load, mut spans) = (open()?, Load::new(), 0);
        while began.elapsed() < time {
            send(load.next())?;
            spans += SPANS as u64;
        }
        Ok(spans)
    };
    let sent: Vec<Result<u64, String>> = thread::scope(|scope| {
        let send = || send().map_err(|error| error.to_string());
        let senders: Vec<_> = (0..connections).map(|_| scope.spawn(send)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap_or_else(|_| Err("a sender has failed".into()))).collect()
    });
    let spans = sent.into_iter().sum::<Result<u64, String>>()?;
    Ok(Sent { spans, time: began.elapsed() })
}

/// Makes requests.
pub(super) struct Load {
    request: Vec<u8>,
    spans: Vec<Places>,
    rng: fastrand::Rng,
    last_trace: [u8; 16],
}

/// Where a span's ids and times stand in the request.
struct Places {
    trace: usize,
    span: usize,
    parent: Option<usize>,
    start: usize,
    end: usize,
}

impl Load {
    pub(super) fn new() -> Self {
        let resource = vec![("service.name".into(), "shop".into()), ("host.name".into(), "one".into())];
        let resource = Resource { attributes: resource, ..Resource::default() };
        let mut builder = BatchBuilder::new(WriterId::NONE, 0, Arc::new(resource));
        (0..SPANS).for_each(|at| builder.push(&span(at)));
        let request = encode_traces(&builder.finish());
        let spans = (0..SPANS).map(|at| Places::find(&request, at)).collect();
        Self { request, spans, rng: fastrand::Rng::new(), last_trace: [0; 16] }
    }

    /// Makes the next request.
    pub(super) fn next(&mut self) -> &[u8] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        let (mut trace, mut root) = ([0; 16], [0; 8]);
        for (at, places) in self.spans.iter().enumerate() {
            let span = self.rng.u64(1..).to_be_bytes();
            if at.is_multiple_of(TRACE_SPANS) {
                trace = self.rng.u128(1..).to_be_bytes();
                root = span;
            }
            put(&mut self.request, places.trace, &trace);
            put(&mut self.request, places.span, &span);
            if let Some(parent) = places.parent {
                put(&mut self.request, parent, &root);
            }
            let start = now - self.rng.u64(1_000_000..50_000_000);
            put(&mut self.request, places.start, &start.to_le_bytes());
            put(&mut self.request, places.end, &(start + self.rng.u64(1000..900_000)).to_le_bytes());
        }
        self.last_trace = trace;
        &self.request
    }

    /// Returns a trace of the last request.
    pub(super) fn last_trace(&self) -> TraceId {
        TraceId::from_bytes(self.last_trace)
    }
}

fn put(request: &mut [u8], at: usize, bytes: &[u8]) {
    request[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Places {
    /// Finds the marks that [`span`] left.
    fn find(request: &[u8], at: usize) -> Self {
        let find = |mark: &[u8]| request.windows(mark.len()).position(|window| window == mark).unwrap_or_default();
        let trace = find(&mark(at, 0xa1).repeat(2));
        let after = trace + 16;
        let find_after =
            |mark: &[u8]| after + request[after..].windows(mark.len()).position(|window| window == mark).unwrap_or_default();
        Self {
            trace,
            span: find_after(&mark(at, 0xa2)),
            parent: (!at.is_multiple_of(TRACE_SPANS)).then(|| find_after(&mark(at, 0xa3))),
            start: find_after(&start(at).to_le_bytes()),
            end: find_after(&(start(at) + DURATION_NS).to_le_bytes()),
        }
    }
}

const DURATION_NS: u64 = 77;

/// Eight bytes that stand nowhere else in a request.
fn mark(at: usize, kind: u8) -> [u8; 8] {
    let number = u32::try_from(at).unwrap_or_default().to_be_bytes();
    [kind, 0xfe, 0xfd, number[0], number[1], number[2], number[3], kind]
}

fn start(at: usize) -> u64 {
    1_790_000_000_000_000_000 + at as u64 * 1000
}

fn span(at: usize) -> Span {
    let is_root = at.is_multiple_of(TRACE_SPANS);
    let id = |kind| SpanId::from_u64(u64::from_be_bytes(mark(at, kind)));
    let mut trace = [0; 16];
    trace.copy_from_slice(&mark(at, 0xa1).repeat(2));
    let number = at as i64;
    Span {
        trace_id: TraceId::from_bytes(trace),
        span_id: id(0xa2),
        parent_id: if is_root { SpanId::NONE } else { id(0xa3) },
        name: if is_root { "GET /cart/{id}".into() } else { format!("step {}", at % 20) },
        kind: if is_root { SpanKind::Server } else { SpanKind::Internal },
        start_unix_ns: start(at).cast_signed(),
        duration_ns: DURATION_NS,
        flags: 1,
        attributes: vec![
            ("http.request.method".into(), "GET".into()),
            ("http.route".into(), "/cart/{id}".into()),
            ("http.response.status_code".into(), 200_i64.into()),
            ("server.address".into(), format!("shop-{}.example", at % 7).into()),
            ("user.id".into(), format!("user-{:06}", number * 7919 % 100_000).into()),
            ("network.protocol.version".into(), "1.1".into()),
            ("thread.id".into(), (number % 16).into()),
            ("cart.items".into(), (number * 31 % 40).into()),
            ("cart.value".into(), (number as f64 * 0.25).into()),
            ("feature.enabled".into(), at.is_multiple_of(3).into()),
        ],
        ..Span::default()
    }
}

#[cfg(test)]
mod tests {
    use flowglass::otlp::decode_traces;

    use super::*;

    #[test]
    fn each_request_is_whole_and_new() {
        let mut load = Load::new();
        let decoded = |bytes: &[u8]| decode_traces(bytes).unwrap();
        let (first, second) = (decoded(load.next()), decoded(load.next()));
        for request in [&first, &second] {
            assert_eq!((request.rejected.count(), request.batches[0].spans.len()), (0, SPANS));
            let spans = &request.batches[0].spans;
            assert!((0..SPANS).all(|at| spans.trace_id[at] == spans.trace_id[at / TRACE_SPANS * TRACE_SPANS]));
            assert!((0..SPANS).all(
                |at| at.is_multiple_of(TRACE_SPANS) || spans.parent_id[at] == spans.span_id[at / TRACE_SPANS * TRACE_SPANS]
            ));
            assert!(spans.duration_ns.iter().all(|duration| (1000..900_000).contains(duration)));
        }
        let ids = |request: &flowglass::otlp::Decoded| request.batches[0].spans.span_id.clone();
        assert!(ids(&first).iter().zip(&ids(&second)).all(|(one, other)| one != other));
    }
}
