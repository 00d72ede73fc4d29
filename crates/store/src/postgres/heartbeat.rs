//! What tells others that a sink's process lives: a row that is touched again and again, by the server's clock.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use flowglass_model::SpanId;

use super::facets;
use super::failure::Failure;
use super::filling;
use super::link::Link;
use super::retention;
use super::session::Session;
use crate::RetentionPolicy;

/// A sink that was silent for so many beats is taken for dead.
const BEATS: i32 = 3;

/// SQL that says whether the sink of a row `k` lives.
pub(super) const ALIVE: &str = "(k.ended IS NULL AND k.seen > clock_timestamp() - k.heartbeat)";
/// SQL for when the sink of a row `k` was last seen, in nanoseconds since 1970.
pub(super) const SEEN: &str = "(extract(epoch FROM k.seen) * 1000000000)::bigint";

/// Returns the number of a new sink. It says itself who it is, so that it can write before it has seen its server; numbers that the
/// server gave, up to version 4 of the tables, are above zero.
pub(super) fn number() -> i64 {
    let number = SpanId::random().to_u64() >> 1;
    -number.max(1).cast_signed()
}

/// Notes that a sink is there, and since when.
pub(super) fn begin(link: &Link, session: &mut Session, sink: i64) -> Result<(), Failure> {
    let silence_s = link.options.heartbeat.saturating_mul(BEATS.unsigned_abs()).as_secs_f64();
    let insert = "INSERT INTO sink (id, heartbeat) OVERRIDING SYSTEM VALUE VALUES ($1, make_interval(secs => $2))
        ON CONFLICT (id) DO UPDATE SET seen = excluded.seen WHERE sink.ended IS NULL";
    session.execute(link, insert, &[&sink, &silence_s]).map(|_| ())
}

/// Notes that a sink has ended: what it left open is interrupted.
pub(super) fn end(link: &Link, session: &mut Session, sink: i64) -> Result<(), Failure> {
    let update = "UPDATE sink SET seen = clock_timestamp(), ended = clock_timestamp() WHERE id = $1";
    session.execute(link, update, &[&sink]).map(|_| ())
}

/// Notes that a sink ended at the latest when it was last seen, without having said so.
pub(super) fn found_ended(link: &Link, session: &mut Session, sink: i64) -> Result<(), Failure> {
    session.execute(link, "UPDATE sink SET ended = seen WHERE id = $1 AND ended IS NULL", &[&sink]).map(|_| ())
}

/// A thread that beats until it is dropped.
pub(super) struct Heartbeat {
    /// Nothing only while it is dropped.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// Starts to beat. Between beats, rows from before are filled, and the store forgets what the policy names, if nobody saw to that
    /// for an hour.
    pub(super) fn start(link: &Arc<Link>, sink: i64, policy: Option<RetentionPolicy>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let link = Arc::clone(link);
        let beats = move || {
            // A server that is away hears the next one.
            let forget = || policy.iter().for_each(|policy| _ = retention::retain_if_due(&link, policy));
            forget();
            // Until it is known that nothing is left to fill, or that this user may not.
            let mut fills = true;
            while stopped.recv_timeout(link.options.heartbeat) == Err(RecvTimeoutError::Timeout) {
                let _ = beat(&link, sink);
                forget();
                fills = fills && fill(&link).unwrap_or_else(|failure| !failure.is_refusal());
                let _ = count(&link);
            }
        };
        // Without the thread, the sink only seems dead while it has nothing to write.
        let thread = thread::Builder::new().name("flowglass-pg-beat".to_owned()).spawn(beats).ok();
        Self { stop: Some(stop), thread }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn beat(link: &Arc<Link>, sink: i64) -> Result<(), Failure> {
    let sql = "UPDATE sink SET seen = clock_timestamp() WHERE id = $1 AND ended IS NULL";
    link.borrow()?.ask(|link, client| link.wait(client.execute(sql, &[&sink]))).map(|_| ())
}

fn fill(link: &Link) -> Result<bool, Failure> {
    filling::step(link, &mut Session::new(link)?)
}

/// Counts a day on which somebody wrote without counting, as earlier versions do.
fn count(link: &Arc<Link>) -> Result<(), Failure> {
    if link.borrow()?.ask(|link, client| facets::some_day_waits(link, client))? {
        facets::count_day(link, &mut Session::new(link)?)?;
    }
    Ok(())
}
