//! An item that is with a worker, as the run waits for it. Dropped, it is given up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::dispatch::{Dispatcher, Returned, Told};
use super::event::RemoteEvent;
use super::line::Hearer;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::run::{NO_RUNTIME, cancelled};

/// A future of what came back; of nothing, where the item's results turned up while it waited.
pub(crate) struct Away {
    told: Hearer,
    dispatcher: Arc<Dispatcher>,
    job: Arc<AtomicU64>,
    timeout: Option<Duration>,
    late: Option<Pin<Box<Sleep>>>,
    stop: Stop,
    ending: Option<Ending>,
    listener: Option<Box<dyn Listener>>,
    is_over: bool,
}

/// What stops an item, and how long what was stopped is waited for.
pub(crate) struct Stop {
    asked: Pin<Box<dyn Future<Output = ()> + Send>>,
    patience: Duration,
}

/// An item that was stopped. Its worker is asked to answer, so that all it has to tell is told before anything around it ends.
struct Ending {
    error: Error,
    patience: Pin<Box<Sleep>>,
}

/// What a worker takes, at most, to be ended when it didn't stop by itself, and to be told of.
const FAREWELL: Duration = Duration::from_secs(1);

impl Stop {
    /// Stops an item when `cancel` says so. Its worker has so much time to answer.
    pub(crate) fn new(cancel: &CancelToken, grace: Duration) -> Self {
        Self { asked: Box::pin(cancel.cancelled()), patience: grace.saturating_add(FAREWELL) }
    }
}

/// Hears what happens to an item while it is away.
pub(crate) trait Listener: Send {
    /// Hears what happens inside of it.
    fn happened(&mut self, event: &RemoteEvent);
}

impl Away {
    pub(super) fn new(
        told: Hearer,
        dispatcher: Arc<Dispatcher>,
        job: Arc<AtomicU64>,
        timeout: Option<Duration>,
        stop: Stop,
    ) -> Self {
        Self { told, dispatcher, job, timeout, late: None, stop, ending: None, listener: None, is_over: false }
    }

    /// Tells somebody of what happens meanwhile.
    pub(crate) fn heard_by(mut self, listener: impl Listener + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Takes what has been told; an item's time begins with the worker's.
    fn hear(&mut self, told: Told) -> Option<Result<Option<Returned>, Error>> {
        match told {
            Told::Started if self.timeout.is_some() && tokio::runtime::Handle::try_current().is_err() => {
                return Some(Err(Error::new(ErrorKind::Environment, NO_RUNTIME)));
            }
            Told::Started => self.late = self.timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout))),
            Told::Event(event) => self.listener.iter_mut().for_each(|listener| listener.happened(&event)),
            Told::Lost => self.late = None,
            Told::Done(result) => {
                self.is_over = true;
                return Some(result);
            }
        }
        None
    }

    /// Says whether the item is to be stopped now, and as what: the first reason is the one that counts.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        if self.ending.is_some() {
            return None;
        }
        if self.late.as_mut().is_some_and(|late| late.as_mut().poll(cx).is_ready()) {
            let timeout = self.timeout.unwrap_or_default();
            return Some(Error::new(ErrorKind::Timeout, format!("took longer than {timeout:?}")));
        }
        self.stop.asked.as_mut().poll(cx).is_ready().then(cancelled)
    }

    /// Stops the item. Gives back what it comes to, if nobody has to be waited for.
    fn end(&mut self, error: Error) -> Option<Error> {
        let is_with_worker = self.dispatcher.give_up(&self.told, &self.job);
        if !is_with_worker || tokio::runtime::Handle::try_current().is_err() {
            return Some(error);
        }
        let patience = Box::pin(tokio::time::sleep(self.stop.patience));
        self.ending = Some(Ending { error, patience });
        None
    }

    /// Says what a stopped item comes to when its worker takes too long to answer.
    fn poll_impatience(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        let is_over = self.ending.as_mut().is_some_and(|ending| ending.patience.as_mut().poll(cx).is_ready());
        if is_over { self.ending.take().map(|ending| ending.error) } else { None }
    }
}

impl Future for Away {
    type Output = Result<Option<Returned>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Poll::Ready(told) = this.told.poll_next(cx) {
            let gone = || Told::Done(Err(Error::new(ErrorKind::Worker, "the backend was closed")));
            if let Some(result) = this.hear(told.unwrap_or_else(gone)) {
                return Poll::Ready(match this.ending.take() {
                    // What was made when it should have stopped may be half of what it would have been.
                    Some(ending) => Err(ending.error),
                    None => result,
                });
            }
        }
        if let Some(error) = this.poll_stop(cx)
            && let Some(error) = this.end(error)
        {
            return Poll::Ready(Err(error));
        }
        this.poll_impatience(cx).map_or(Poll::Pending, |error| Poll::Ready(Err(error)))
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        if !self.is_over {
            // First, so that the dispatcher sees that nobody waits.
            self.told.close();
            self.dispatcher.abandoned(&self.job);
        }
    }
}
