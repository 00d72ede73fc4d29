//! The way of one signal: its backlog, and the loop that sends what lies in it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use super::answer::Answer;
use super::backlog::Backlog;
use super::backoff::Backoff;
use super::body::Body;
use super::connection::Connection;
use super::destination::Destination;
use super::stats::ExportStats;
use crate::{Response, Signal};

/// What the sink's thread and the sending thread share of one signal.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) signal: Signal,
    pub(super) destination: Destination,
    backoff: Backoff,
    stats: ExportStats,
    state: Mutex<State>,
    /// Something to send, a flush, or the end: for the sending thread.
    news: Notify,
    /// An attempt has ended: for who flushes.
    progress: Condvar,
}

#[derive(Debug)]
struct State {
    backlog: Backlog,
    is_sending: bool,
    is_stopped: bool,
    /// Somebody flushes: a pause is cut short, once.
    is_hurried: bool,
    /// The receiver asked for a pause until then: a flush doesn't cut it short.
    asked_until: Option<Instant>,
    /// Attempts that have failed since the last that didn't.
    failures: u32,
    /// Counts attempts, so that a flush sees that one was made after it began.
    attempts: u64,
    /// What was lost since the last flush.
    trouble: Option<String>,
}

/// What to do next.
enum Next {
    Send(Body),
    Wait,
    End,
}

impl Lane {
    pub(super) fn new(
        signal: Signal,
        destination: Destination,
        backlog: Backlog,
        backoff: Backoff,
        stats: ExportStats,
    ) -> Self {
        let state = State {
            backlog,
            is_sending: false,
            is_stopped: false,
            is_hurried: false,
            asked_until: None,
            failures: 0,
            attempts: 0,
            trouble: None,
        };
        let (state, news, progress) = (Mutex::new(state), Notify::new(), Condvar::new());
        Self { signal, destination, backoff, stats, state, news, progress }
    }

    pub(super) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.backlog.is_empty() && !state.is_sending
    }

    /// Adds a body to what is to be sent.
    pub(super) fn push(&self, body: Body) {
        let mut state = self.state.lock();
        let lost = state.backlog.push(body);
        let nearly_full = state.backlog.nearly_full();
        drop(state);
        self.stats.counters(self.signal).nearly_full.store(nearly_full, Relaxed);
        self.lose(lost, "there was no more room for what waits");
        self.news.notify_one();
    }

    /// Waits until everything is sent, or the destination is away: two attempts behind each other have failed, the last of them
    /// during this flush. Returns what went wrong since the last flush.
    pub(super) fn flush(&self, within: Duration) -> Option<String> {
        let until = Instant::now() + within;
        let mut state = self.state.lock();
        let begun = state.attempts;
        state.is_hurried = true;
        self.news.notify_one();
        while (!state.backlog.is_empty() || state.is_sending) && !state.is_stopped {
            let is_away = state.failures > 1 && state.attempts > begun;
            let is_too_long = state.asked_until.is_some_and(|asked| asked > until);
            if is_away || is_too_long || self.progress.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.is_hurried = false;
        let waits = !state.backlog.is_empty() || state.is_sending;
        let (trouble, survives) = (state.trouble.take(), state.backlog.survives());
        drop(state);
        let last = self.stats.counters(self.signal).last_error.lock().clone();
        trouble.or_else(|| waits.then(|| self.still_waiting(survives, &last)))
    }

    /// Ends the sending thread's loop. What waits is moved to disk, or counted as lost.
    pub(super) fn stop(&self) {
        let lost = {
            let mut state = self.state.lock();
            state.is_stopped = true;
            if state.is_sending { 0 } else { state.backlog.abandon() }
        };
        self.lose(lost, "the program ended before it could be sent");
        self.news.notify_one();
        self.progress.notify_all();
    }

    /// Sends what comes, until the lane is stopped.
    pub(super) async fn run(self: Arc<Self>, mut connection: Connection) {
        loop {
            match self.next() {
                Next::End => return,
                Next::Wait => {
                    // What seemed to wait may have turned out to be unreadable.
                    self.progress.notify_all();
                    self.news.notified().await;
                }
                Next::Send(body) => {
                    let begun = Instant::now();
                    let answer = self.send(&mut connection, &body).await;
                    self.stats.counters(self.signal).requests.lock().add(begun.elapsed());
                    let pause = self.note(body, answer, &connection.name());
                    self.progress.notify_all();
                    if let Some(pause) = pause {
                        self.pause(pause).await;
                    }
                }
            }
        }
    }

    fn next(&self) -> Next {
        let mut state = self.state.lock();
        if state.is_stopped {
            return Next::End;
        }
        let (body, lost) = state.backlog.take();
        state.is_sending = body.is_some();
        drop(state);
        self.lose(lost, "it could not be read back from disk");
        body.map_or(Next::Wait, Next::Send)
    }

    /// Sends a body, unless the lane is stopped meanwhile: then it may be taken later.
    async fn send(&self, connection: &mut Connection, body: &Body) -> Answer {
        let sending = connection.send(body);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                answer = &mut sending => return answer,
                () = self.news.notified() => {
                    if self.state.lock().is_stopped {
                        return Answer::Later { why: "the program ended".to_owned(), after: None };
                    }
                }
            }
        }
    }

    /// Notes what became of a body; returns how long to wait before the next attempt.
    fn note(&self, body: Body, answer: Answer, name: &str) -> Option<Duration> {
        let counters = self.stats.counters(self.signal);
        let mut state = self.state.lock();
        state.is_sending = false;
        state.attempts += 1;
        state.asked_until = None;
        let (lost, pause) = match answer {
            Answer::Taken(response) => {
                state.failures = 0;
                state.backlog.done();
                self.count_taken(&mut state, &body, &response, name);
                (0, None)
            }
            Answer::Refused(why) => {
                state.failures = 0;
                (self.refused(&mut state, &body, &why, name), None)
            }
            Answer::TooLarge(why) => {
                state.failures = 0;
                match body.halves(&self.destination, self.signal) {
                    Some(halves) => {
                        counters.retries.fetch_add(1, Relaxed);
                        (state.backlog.replace(halves), None)
                    }
                    None => (self.refused(&mut state, &body, &why, name), None),
                }
            }
            Answer::Later { why, after } => {
                state.failures += 1;
                let pause = self.backoff.wait(state.failures, fastrand::f64(), after);
                state.asked_until = after.map(|_| Instant::now() + pause);
                *counters.last_error.lock() = format!("{name}: {why}");
                counters.retries.fetch_add(1, Relaxed);
                let lost = state.backlog.put_back(body) + if state.is_stopped { state.backlog.abandon() } else { 0 };
                (lost, Some(pause))
            }
        };
        counters.dropped.fetch_add(lost, Relaxed);
        pause
    }

    /// Notes that a body will never be taken; returns how many items are lost with it.
    fn refused(&self, state: &mut State, body: &Body, why: &str, name: &str) -> u64 {
        state.backlog.done();
        let message = format!("{name} refused {} {}s: {why}", body.items, self.signal.item());
        self.stats.counters(self.signal).last_error.lock().clone_from(&message);
        state.trouble = Some(message);
        body.items
    }

    fn count_taken(&self, state: &mut State, body: &Body, response: &Response, name: &str) {
        let counters = self.stats.counters(self.signal);
        let rejected = response.rejected.min(body.items);
        counters.exported.fetch_add(body.items - rejected, Relaxed);
        counters.rejected.fetch_add(rejected, Relaxed);
        let mut last = counters.last_error.lock();
        last.clear();
        if rejected > 0 {
            *last = format!("{name} left out {rejected} of {} {}s: {}", body.items, self.signal.item(), response.message);
            state.trouble = Some(last.clone());
        }
    }

    /// Waits, until a flush or the end asks to go on. Only the end cuts short what the receiver asked for.
    async fn pause(&self, pause: Duration) {
        let until = tokio::time::Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.news.notified() => {
                    let mut state = self.state.lock();
                    if state.is_stopped || (state.is_hurried && state.asked_until.is_none()) {
                        state.is_hurried = false;
                        return;
                    }
                }
            }
        }
    }

    fn lose(&self, items: u64, why: &str) {
        if items > 0 {
            let counters = self.stats.counters(self.signal);
            counters.dropped.fetch_add(items, Relaxed);
            let last = std::mem::take(&mut *counters.last_error.lock());
            let message = format!("{items} {}s were lost: {why}", self.signal.item());
            *counters.last_error.lock() = if last.is_empty() { message.clone() } else { format!("{message} ({last})") };
            self.state.lock().trouble = Some(message);
        }
    }

    fn still_waiting(&self, survives: bool, last: &str) -> String {
        let (item, url) = (self.signal.item(), &self.destination.url);
        let until = if survives { "on disk, until a program exports there again" } else { "and are tried again" };
        format!("some {item}s still wait for {url}, {until}: {last}")
    }
}
