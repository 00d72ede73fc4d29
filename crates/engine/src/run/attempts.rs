//! A pipeline that runs as a node: its attempts, each with its time limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flowglass_model::{EventKind, SpanId};
use flowglass_record::Tick;
use smallvec::SmallVec;
use tokio::time::Sleep;

use super::handed;
use super::level::{LevelDone, LevelWork, cancelled};
use super::probe::{self, AskWhole};
use super::shared::Level;
use super::slot::Slot;
use super::user_code::no_runtime;
use crate::capture::told;
use crate::error::{Error, ErrorKind};
use crate::pipeline::PlanNode;
use crate::policy::Retry;

/// The attempts that were made: when, and with which error.
pub(crate) type Attempts = SmallVec<[((Tick, Tick), Option<Error>); 2]>;

/// Where retries are told of.
#[derive(Clone, Copy)]
pub(crate) struct Teller {
    pub(crate) site: u32,
    pub(crate) span: SpanId,
    pub(crate) index: Option<u64>,
    /// The span around: that of the map, or of the pipeline.
    pub(crate) around: SpanId,
}

/// A level that is run until an attempt is good or none is left. A future of what the last attempt gave.
pub(crate) struct LevelAttempts {
    level: Arc<Level>,
    /// Kept for further attempts, where there may be some.
    slots: Vec<Option<Slot>>,
    retry: Option<Retry>,
    timeout: Option<Duration>,
    teller: Teller,
    /// Whether the cache has it by now is asked once more before a worker elsewhere gets it.
    ask: Option<AskWhole>,
    started: Tick,
    state: State,
    attempts: Attempts,
}

enum State {
    Working {
        work: Box<LevelWork>,
        late: Option<Pin<Box<Sleep>>>,
    },
    /// A worker elsewhere has it.
    Away(Pin<Box<dyn Future<Output = LevelDone> + Send>>),
    /// Its time is over: what runs in it stops.
    Late(Box<LevelWork>),
    /// Between two attempts, until their distance has passed or somebody says stop.
    Waiting(Pin<Box<dyn Future<Output = bool> + Send>>),
    Refused(Option<Error>),
}

impl LevelAttempts {
    pub(crate) fn new(
        level: &Arc<Level>,
        plan: Option<&PlanNode>,
        slots: Vec<Option<Slot>>,
        teller: Teller,
        ask: Option<AskWhole>,
        started: Tick,
    ) -> Self {
        let retry = plan.and_then(|plan| plan.retry.clone());
        let timeout = plan.and_then(|plan| plan.timeout);
        let no_timers = (retry.is_some() || timeout.is_some()) && tokio::runtime::Handle::try_current().is_err();
        let kept = if retry.is_some() { slots.clone() } else { Vec::new() };
        let state =
            if no_timers { State::Refused(Some(no_runtime())) } else { begun(level, slots, timeout, (teller, ask.as_ref())) };
        let attempts = Attempts::new();
        Self { level: Arc::clone(level), slots: kept, retry, timeout, teller, ask, started, state, attempts }
    }

    /// Takes what an attempt gave: another attempt follows, or this is the end.
    fn ended(&mut self, done: LevelDone) -> Option<LevelDone> {
        let now = Tick::now();
        self.attempts.push(((self.started, now), done.error.clone()));
        let number = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        let (Some(error), Some(retry)) = (&done.error, &self.retry) else { return Some(self.finish(done)) };
        if !retry.again(number, error) {
            return Some(self.finish(done));
        }
        let delay = retry.wait(number, fastrand::f64());
        let failure = told(&self.level.run.redaction, error.to_failure());
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let kind = EventKind::Retried { attempt: number, delay_ns, failure: &failure };
        self.level.tell(self.teller.site, self.teller.span, self.teller.index, now, kind);
        let asked = self.level.cancel.renewed().cancelled();
        self.state = State::Waiting(Box::pin(async move {
            tokio::select! {
                biased;
                () = asked => false,
                () = tokio::time::sleep(delay) => true,
            }
        }));
        None
    }

    fn finish(&mut self, done: LevelDone) -> LevelDone {
        LevelDone { attempts: std::mem::take(&mut self.attempts), ..done }
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<LevelDone> {
        loop {
            match &mut self.state {
                State::Working { work, late } => {
                    if let Poll::Ready(done) = Pin::new(&mut **work).poll(cx) {
                        return Poll::Ready(done);
                    }
                    if late.as_mut().is_none_or(|late| late.as_mut().poll(cx).is_pending()) {
                        return Poll::Pending;
                    }
                    self.stop_late();
                }
                State::Late(work) => {
                    let done = std::task::ready!(Pin::new(&mut **work).poll(cx));
                    let timeout = self.timeout.unwrap_or_default();
                    let error = Error::new(ErrorKind::Timeout, format!("took longer than {timeout:?}"));
                    return Poll::Ready(LevelDone { error: Some(error), hit: false, ..done });
                }
                State::Away(work) => return work.as_mut().poll(cx),
                State::Waiting(rest) => {
                    if !std::task::ready!(rest.as_mut().poll(cx)) {
                        return Poll::Ready(failed(cancelled()));
                    }
                    self.started = Tick::now();
                    let slots = self.slots.clone();
                    let about = (self.teller, self.ask.as_ref());
                    self.state = begun(&self.level, slots, self.timeout, about);
                }
                State::Refused(error) => return Poll::Ready(failed(error.take().unwrap_or_else(no_runtime))),
            }
        }
    }

    /// Asks an attempt whose time is over to stop.
    fn stop_late(&mut self) {
        if let State::Working { work, .. } = std::mem::replace(&mut self.state, State::Refused(None)) {
            work.level.cancel.cancel();
            self.state = State::Late(work);
        }
    }
}

/// Begins an attempt: with a worker elsewhere where the level has such, unless all lies in the cache.
fn begun(
    level: &Arc<Level>,
    slots: Vec<Option<Slot>>,
    timeout: Option<Duration>,
    (teller, ask): (Teller, Option<&AskWhole>),
) -> State {
    let is_item = teller.index.is_some();
    let remote = level.config.remote.as_ref().filter(|_| handed::takes_whole(level, is_item));
    // Whether an item lies in the cache was asked before it began.
    let is_here = || !is_item && probe::whole(level, &slots).is_some();
    let Some(remote) = remote.filter(|_| !is_here()) else { return working(level, slots, timeout) };
    State::Away(Box::pin(handed::level(remote, level, teller, &slots, (timeout, is_item), ask.cloned())))
}

fn working(level: &Arc<Level>, slots: Vec<Option<Slot>>, timeout: Option<Duration>) -> State {
    // What stopped an attempt doesn't stop the next one.
    let level = if level.cancel.is_used() {
        Arc::new(Level { cancel: level.cancel.renewed(), ..Level::clone(level) })
    } else {
        Arc::clone(level)
    };
    let work = Box::new(LevelWork::new(level, slots));
    State::Working { work, late: timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout))) }
}

fn failed(error: Error) -> LevelDone {
    LevelDone {
        slots: Vec::new(),
        error: Some(error),
        hit: false,
        is_found: false,
        saved_ns: 0,
        attempts: Attempts::new(),
        away: None,
    }
}

impl Future for LevelAttempts {
    type Output = LevelDone;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<LevelDone> {
        let this = self.get_mut();
        loop {
            match this.poll_work(cx) {
                Poll::Ready(done) => {
                    if let Some(done) = this.ended(done) {
                        return Poll::Ready(done);
                    }
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
