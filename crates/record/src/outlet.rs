//! A sink's own thread and bounded queue: what hangs or fails here slows neither the run nor the other sinks.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use flowglass_model::{Batch, Fullness, Sink, SinkError, Timing};
use parking_lot::{Condvar, Mutex};

use crate::flush::Reply;
use crate::stats::{AtomicCounts, SinkStats};

/// How a batch is offered again after an error that may pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    /// How often after the first time.
    pub(crate) times: u32,
    /// How long to wait before the first time; each further wait is twice as long.
    pub(crate) first_delay: Duration,
}

/// A sink with its queue.
pub(crate) struct Outlet {
    name: String,
    queue_bytes: usize,
    retry: Retry,
    state: Mutex<State>,
    news: Condvar,
    hurry: Condvar,
    delivered: AtomicCounts,
    dropped_queue_full: AtomicCounts,
    dropped_failed: AtomicCounts,
}

struct State {
    queue: VecDeque<Message>,
    bytes: usize,
    fullness: Fullness,
    writes: Timing,
    /// The sink, until its thread takes it.
    sink: Option<Box<dyn Sink>>,
    /// Nothing reaches the sink any more: it was stopped, it panicked, or its thread couldn't be started.
    is_closed: bool,
    is_hurried: bool,
    /// The last error since the last fence, or for ever where the sink is closed.
    error: Option<String>,
}

/// So many waiting batches are offered to the sink at once.
const MOST_AT_ONCE: usize = 16;

enum Message {
    Batch(Arc<Batch>),
    Fence(Sender<Reply>, usize),
    Stop(Sender<Reply>, usize),
}

impl Outlet {
    pub(crate) fn new(name: String, sink: Box<dyn Sink>, queue_bytes: usize, retry: Retry) -> Self {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            fullness: Fullness::default(),
            writes: Timing::default(),
            sink: Some(sink),
            is_closed: false,
            is_hurried: false,
            error: None,
        };
        Self {
            name,
            queue_bytes,
            retry,
            state: Mutex::new(state),
            news: Condvar::new(),
            hurry: Condvar::new(),
            delivered: AtomicCounts::default(),
            dropped_queue_full: AtomicCounts::default(),
            dropped_failed: AtomicCounts::default(),
        }
    }

    /// Returns the sink's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Puts a batch into the queue, if there is room; says whether there was. Any batch has room in an empty queue.
    pub(crate) fn offer(self: &Arc<Self>, batch: &Arc<Batch>) -> bool {
        let mut state = self.state.lock();
        if state.is_closed {
            self.dropped_failed.add(batch.counts());
            return false;
        }
        let bytes = batch.size_bytes();
        let has_room = state.bytes == 0 || state.bytes + bytes <= self.queue_bytes;
        self.note_fullness(&mut state, if has_room { bytes } else { self.queue_bytes });
        if !has_room {
            self.dropped_queue_full.add(batch.counts());
            return false;
        }
        state.bytes += bytes;
        self.send(&mut state, Message::Batch(Arc::clone(batch)));
        true
    }

    /// Says whether the queue is at most half full, so that there is room for more than what comes next.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state.lock();
        !state.is_closed && state.bytes <= self.queue_bytes / 2
    }

    /// Returns how often the queue was nearly full.
    pub(crate) fn nearly_full(&self) -> u64 {
        self.state.lock().fullness.times()
    }

    /// Asks for a reply once everything offered so far is written and flushed.
    pub(crate) fn fence(self: &Arc<Self>, replies: &Sender<Reply>, place: usize) {
        self.ask(Message::Fence(replies.clone(), place));
    }

    /// As [`fence`](Self::fence), and then lets the sink go.
    pub(crate) fn stop(self: &Arc<Self>, replies: &Sender<Reply>, place: usize) {
        self.state.lock().is_hurried = true;
        self.hurry.notify_all();
        self.ask(Message::Stop(replies.clone(), place));
    }

    /// Returns what became of the batches so far.
    pub(crate) fn stats(&self) -> SinkStats {
        let state = self.state.lock();
        SinkStats {
            name: self.name.clone(),
            delivered: self.delivered.get(),
            dropped_queue_full: self.dropped_queue_full.get(),
            dropped_failed: self.dropped_failed.get(),
            queued_bytes: state.bytes as u64,
            nearly_full: state.fullness.times(),
            writes: state.writes,
            error: state.error.clone(),
        }
    }

    /// Notes how full the queue is with so many bytes more.
    fn note_fullness(&self, state: &mut State, more: usize) {
        state.fullness.note(state.bytes.saturating_add(more) as u64, self.queue_bytes as u64);
    }

    fn ask(self: &Arc<Self>, message: Message) {
        let mut state = self.state.lock();
        if state.is_closed {
            return reply(&message, state.error.clone());
        }
        self.send(&mut state, message);
    }

    fn send(self: &Arc<Self>, state: &mut State, message: Message) {
        state.queue.push_back(message);
        if let Some(sink) = state.sink.take() {
            self.start(state, sink);
        }
        self.news.notify_one();
    }

    fn start(self: &Arc<Self>, state: &mut State, sink: Box<dyn Sink>) {
        let outlet = Arc::clone(self);
        let started = std::thread::Builder::new().name(format!("sink {}", self.name)).spawn(move || outlet.run(sink));
        if let Err(error) = started {
            self.close(state, format!("its thread could not be started: {error}"));
        }
    }

    fn run(&self, mut sink: Box<dyn Sink>) {
        while let Some(message) = self.next() {
            match message {
                Message::Batch(batch) => self.write(&mut *sink, &self.waiting_behind(batch)),
                Message::Fence(replies, place) => {
                    self.flush(&mut *sink);
                    let _ = replies.send(Reply { place, error: self.take_error() });
                }
                Message::Stop(replies, place) => {
                    self.flush(&mut *sink);
                    return self.end(sink, &replies, place);
                }
            }
        }
        drop_quietly(sink);
    }

    /// Returns the next message; `None` when the outlet was closed.
    fn next(&self) -> Option<Message> {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(message) = state.queue.pop_front() {
                return Some(message);
            }
            self.news.wait(&mut state);
        }
    }

    /// Takes the batches that wait right behind this one from the queue.
    fn waiting_behind(&self, first: Arc<Batch>) -> Vec<Arc<Batch>> {
        let mut batches = vec![first];
        let mut state = self.state.lock();
        while batches.len() < MOST_AT_ONCE
            && let Some(Message::Batch(_)) = state.queue.front()
            && let Some(Message::Batch(batch)) = state.queue.pop_front()
        {
            batches.push(batch);
        }
        batches
    }

    fn write(&self, sink: &mut dyn Sink, batches: &[Arc<Batch>]) {
        let mut left = batches;
        while !left.is_empty() && !self.state.lock().is_closed {
            let before = left;
            let begun = Instant::now();
            let written = self.attempt(|| sink.write_all(&mut left));
            self.state.lock().writes.add(begun.elapsed());
            // A sink may say that it took all and leave some: these are lost, and never offered for ever.
            let taken = before.len() - left.len();
            self.settle(&before[..taken], &self.delivered);
            if !written || taken == 0 {
                let (refused, rest) = left.split_at(left.len().min(1));
                self.settle(refused, &self.dropped_failed);
                left = rest;
            }
        }
        self.settle(left, &self.dropped_failed);
    }

    /// Counts what became of these batches, and makes room for others.
    fn settle(&self, batches: &[Arc<Batch>], counts: &AtomicCounts) {
        let mut state = self.state.lock();
        for batch in batches {
            counts.add(batch.counts());
            state.bytes = state.bytes.saturating_sub(batch.size_bytes());
        }
        self.note_fullness(&mut state, 0);
    }

    fn flush(&self, sink: &mut dyn Sink) {
        if !self.state.lock().is_closed {
            self.attempt(|| sink.flush());
        }
    }

    /// Calls a sink until it takes the call or may not be asked again; says whether it took it.
    fn attempt(&self, mut call: impl FnMut() -> Result<(), SinkError>) -> bool {
        let mut delay = self.retry.first_delay;
        for retries_left in (0..=self.retry.times).rev() {
            match catch_unwind(AssertUnwindSafe(&mut call)) {
                Ok(Ok(())) => return true,
                Ok(Err(error)) if error.is_retryable() && retries_left > 0 => self.wait(&mut delay),
                Ok(Err(error)) => {
                    self.state.lock().error = Some(with_causes(&error));
                    return false;
                }
                Err(panic) => {
                    self.close(&mut self.state.lock(), format!("it panicked: {}", panic_message(&*panic)));
                    return false;
                }
            }
        }
        false
    }

    /// Waits before the next attempt, unless the recorder is being shut down.
    fn wait(&self, delay: &mut Duration) {
        let until = Instant::now() + *delay;
        *delay *= 2;
        let mut state = self.state.lock();
        while !state.is_hurried && !self.hurry.wait_until(&mut state, until).timed_out() {}
    }

    /// Returns the error since the last fence. That of a closed sink stays.
    fn take_error(&self) -> Option<String> {
        let mut state = self.state.lock();
        if state.is_closed { state.error.clone() } else { state.error.take() }
    }

    fn end(&self, sink: Box<dyn Sink>, replies: &Sender<Reply>, place: usize) {
        let error = self.take_error();
        drop_quietly(sink);
        let mut state = self.state.lock();
        let left = self.abandon(&mut state);
        drop(state);
        let _ = replies.send(Reply { place, error: error.clone() });
        left.iter().for_each(|message| reply(message, error.clone()));
    }

    fn close(&self, state: &mut State, error: String) {
        state.error = Some(error.clone());
        for message in self.abandon(state) {
            reply(&message, Some(error.clone()));
        }
    }

    /// Closes the queue; returns what nobody will take, its batches counted as lost.
    fn abandon(&self, state: &mut State) -> Vec<Message> {
        state.is_closed = true;
        state.bytes = 0;
        self.news.notify_all();
        let left: Vec<Message> = state.queue.drain(..).collect();
        for message in &left {
            if let Message::Batch(batch) = message {
                self.dropped_failed.add(batch.counts());
            }
        }
        left
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("name", &self.name).finish_non_exhaustive()
    }
}

fn reply(message: &Message, error: Option<String>) {
    if let Message::Fence(replies, place) | Message::Stop(replies, place) = message {
        // Nobody listens any more where the flush ran out of time.
        let _ = replies.send(Reply { place: *place, error });
    }
}

fn drop_quietly(sink: Box<dyn Sink>) {
    // A panic while it is dropped has nobody left to be told to.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
}

fn with_causes(error: &SinkError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use flowglass_model::{BatchBuilder, SinkErrorKind, Span};

    use super::*;

    /// Takes all but the first two of each group, and refuses the next one for good.
    struct Picky(Arc<Mutex<Vec<usize>>>);

    impl Sink for Picky {
        fn write(&mut self, _: &Arc<Batch>) -> Result<(), SinkError> {
            Ok(())
        }

        fn write_all(&mut self, batches: &mut &[Arc<Batch>]) -> Result<(), SinkError> {
            self.0.lock().push(batches.len());
            *batches = batches.get(2..).unwrap_or_default();
            if batches.is_empty() { Ok(()) } else { Err(SinkError::new(SinkErrorKind::Permanent, "not this one")) }
        }
    }

    #[test]
    fn a_queue_that_becomes_nearly_full_is_counted_once_until_it_is_half_empty() {
        let batch = || {
            let mut builder = BatchBuilder::default();
            builder.push(&Span { status: flowglass_model::Status::Ok, ..Span::default() });
            Arc::new(builder.finish())
        };
        let bytes = batch().size_bytes();
        let retry = Retry { times: 0, first_delay: Duration::ZERO };
        let outlet = Outlet::new("full".to_owned(), Box::new(Picky(Arc::default())), bytes * 10, retry);
        // Nobody takes what waits.
        let outlet = Arc::new(outlet);
        drop(outlet.state.lock().sink.take());
        let fill = |count: usize| (0..count).filter(|_| outlet.offer(&batch())).count();
        assert_eq!((fill(8), outlet.stats().nearly_full), (8, 0));
        assert_eq!((fill(4), outlet.stats().nearly_full, outlet.stats().dropped_queue_full.total()), (2, 1, 2));
        let empty = |count: usize| outlet.settle(&vec![batch(); count], &outlet.delivered);
        empty(4);
        assert_eq!((fill(4), outlet.stats().nearly_full), (4, 1), "it wasn't half empty");
        empty(5);
        assert_eq!((fill(5), outlet.stats().nearly_full), (5, 2));
    }

    #[test]
    fn batches_that_wait_are_offered_at_once_and_each_is_counted_once() {
        let (asked, retry) = (Arc::new(Mutex::new(Vec::new())), Retry { times: 0, first_delay: Duration::ZERO });
        let sink = Picky(Arc::clone(&asked));
        let outlet = Outlet::new("picky".to_owned(), Box::new(sink), usize::MAX, retry);
        let sink = outlet.state.lock().sink.take().unwrap();
        let batches = (0..20).map(|_| {
            let mut builder = BatchBuilder::default();
            builder.push(&Span { status: flowglass_model::Status::Ok, ..Span::default() });
            Message::Batch(Arc::new(builder.finish()))
        });
        outlet.state.lock().queue.extend(batches);
        let (replies, answers) = crossbeam_channel::unbounded();
        outlet.state.lock().queue.push_back(Message::Stop(replies, 0));
        outlet.run(sink);
        assert_eq!(*asked.lock(), [16, 13, 10, 7, 4, 1, 4, 1]);
        let stats = outlet.stats();
        assert_eq!((stats.delivered.total(), stats.dropped_failed.total(), stats.writes.count()), (14, 6, 8));
        assert!(answers.recv().unwrap().error.unwrap().contains("not this one"));
    }
}
