//! What tells others that a sink's process lives: a row that is touched again and again, by the server's clock.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};

use super::failure::Failure;
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

/// Notes that a sink begins; returns its number.
pub(super) fn begin(link: &Link, session: &mut Session) -> Result<i64, Failure> {
    let silence_s = link.options.heartbeat.saturating_mul(BEATS.unsigned_abs()).as_secs_f64();
    let insert = "INSERT INTO sink (heartbeat) VALUES (make_interval(secs => $1)) RETURNING id";
    session.number(link, insert, &[&silence_s])?.ok_or(Failure::Damaged("a sink has no number"))
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
    /// Starts to beat. Between beats, the store forgets what the policy names, if nobody saw to that for an hour.
    pub(super) fn start(link: &Arc<Link>, sink: i64, policy: Option<RetentionPolicy>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let link = Arc::clone(link);
        let beats = move || {
            // A server that is away hears the next one.
            let forget = || policy.iter().for_each(|policy| _ = retention::retain_if_due(&link, policy));
            forget();
            while stopped.recv_timeout(link.options.heartbeat) == Err(RecvTimeoutError::Timeout) {
                let _ = beat(&link, sink);
                forget();
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
