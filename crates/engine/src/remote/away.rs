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
use crate::error::{Error, ErrorKind};
use crate::run::NO_RUNTIME;

/// A future of what came back; of nothing, where the item's results turned up while it waited.
pub(crate) struct Away {
    told: Hearer,
    dispatcher: Arc<Dispatcher>,
    job: Arc<AtomicU64>,
    timeout: Option<Duration>,
    late: Option<Pin<Box<Sleep>>>,
    listener: Option<Box<dyn Listener>>,
    is_over: bool,
}

/// Hears what happens to an item while it is away.
pub(crate) trait Listener: Send {
    /// Hears what happens inside of it.
    fn happened(&mut self, event: &RemoteEvent);
}

impl Away {
    pub(super) fn new(told: Hearer, dispatcher: Arc<Dispatcher>, job: Arc<AtomicU64>, timeout: Option<Duration>) -> Self {
        Self { told, dispatcher, job, timeout, late: None, listener: None, is_over: false }
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
}

impl Future for Away {
    type Output = Result<Option<Returned>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        while let Poll::Ready(told) = this.told.poll_next(cx) {
            let gone = || Told::Done(Err(Error::new(ErrorKind::Worker, "the backend was closed")));
            if let Some(result) = this.hear(told.unwrap_or_else(gone)) {
                return Poll::Ready(result);
            }
        }
        match this.late.as_mut().map(|late| late.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => {
                let timeout = this.timeout.unwrap_or_default();
                Poll::Ready(Err(Error::new(ErrorKind::Timeout, format!("took longer than {timeout:?}"))))
            }
            _ => Poll::Pending,
        }
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
