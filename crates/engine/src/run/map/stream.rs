//! A map whose results are taken one by one while it runs, so that more items pass than memory would hold.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use flowglass_model::{RunId, SpanId};
use flowglass_record::{Retained, Tick};
use futures_util::Stream;
use tokio::time::Sleep;

use super::super::level::cancelled;
use super::super::map_outcome::{ItemRun, Ports};
use super::super::open_span::OpenSpan;
use super::super::root::{end_root, settled};
use super::super::settled::Settled;
use super::super::shared::Level;
use super::super::told::Lot;
use super::super::user_code::no_runtime;
use super::ItemEnd;
use super::work::MapWork;
use crate::cancel::CancelToken;
use crate::error::{Error, ErrorKind};
use crate::feed::EventFeed;

/// So many items may have ended and wait for an earlier one, where results are given in order.
const MOST_WAITING: usize = 1_024;

/// A map at work: a [`Stream`] of its items, each when it has ended. It runs only while it is asked for the next item;
/// dropped before its end, it is cancelled.
#[must_use = "a map runs only while its items are taken"]
pub struct MapStream {
    work: MapWork,
    ports: Arc<Ports>,
    /// Which outputs of the pipeline those are.
    outputs: Arc<[usize]>,
    order: Option<InOrder>,
    level: Arc<Level>,
    /// The run's span and the map's; none when they are over.
    spans: Option<(OpenSpan, OpenSpan)>,
    root: SpanId,
    retained: Option<Retained>,
    limits: Limits,
    own_feed: Option<EventFeed>,
    settled: Option<Settled>,
}

/// Gives items in the order of the input: those that end early wait.
#[derive(Default)]
struct InOrder {
    next: u64,
    waiting: BTreeMap<u64, ItemEnd>,
}

/// What ends a map early: somebody who asks, and its time.
pub(crate) struct Limits {
    cancel: CancelToken,
    /// Wakes whoever waits for an item when somebody asks.
    asked: Pin<Box<dyn Future<Output = ()> + Send>>,
    late: Option<(Duration, Pin<Box<Sleep>>)>,
    is_late: bool,
}

impl Limits {
    pub(crate) fn new(cancel: &CancelToken, timeout: Option<Duration>) -> Result<Self, Error> {
        if timeout.is_some() && tokio::runtime::Handle::try_current().is_err() {
            return Err(no_runtime());
        }
        let late = timeout.map(|timeout| (timeout, Box::pin(tokio::time::sleep(timeout))));
        Ok(Self { cancel: cancel.clone(), asked: Box::pin(cancel.cancelled()), late, is_late: false })
    }

    /// Says whether the map has to stop from now on.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_late {
            return false;
        }
        if self.late.as_mut().is_some_and(|(_, late)| late.as_mut().poll(cx).is_ready()) {
            self.is_late = true;
            self.cancel.cancel();
            return true;
        }
        self.asked.as_mut().poll(cx).is_ready()
    }

    /// The error of a map whose time was over.
    fn error(&self) -> Option<Error> {
        let (timeout, _) = self.late.as_ref().filter(|_| self.is_late)?;
        Some(Error::new(ErrorKind::Timeout, format!("the run took longer than {timeout:?}")))
    }
}

/// What a map came to whose items were taken one by one.
pub struct MapSummary {
    settled: Settled,
    total: u64,
    failed: u64,
    cached: u64,
}

impl Deref for MapSummary {
    type Target = Settled;
    fn deref(&self) -> &Settled {
        &self.settled
    }
}

impl MapSummary {
    /// Returns how many items ended.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns how many of them failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Returns how many of them came whole from the cache.
    #[must_use]
    pub fn cached(&self) -> u64 {
        self.cached
    }
}

/// The parts of a map that is about to give its items one by one.
pub(crate) struct Streaming {
    pub(crate) work: MapWork,
    pub(crate) ports: Arc<Ports>,
    pub(crate) outputs: Arc<[usize]>,
    pub(crate) in_order: bool,
    pub(crate) level: Arc<Level>,
    /// The run's span and the map's.
    pub(crate) spans: (OpenSpan, OpenSpan),
    pub(crate) retained: Option<Retained>,
    pub(crate) limits: Limits,
    pub(crate) own_feed: Option<EventFeed>,
}

impl MapStream {
    pub(crate) fn new(parts: Streaming) -> Self {
        let Streaming { work, ports, outputs, in_order, level, spans, retained, limits, own_feed } = parts;
        let order = in_order.then(InOrder::default);
        let root = spans.0.span();
        let spans = Some(spans);
        let mut stream = Self { work, ports, outputs, order, level, spans, root, retained, limits, own_feed, settled: None };
        stream.suspend();
        stream
    }

    /// Returns the run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.level.run.id
    }

    /// Gives the next item; none when the map is over.
    pub async fn next(&mut self) -> Option<ItemRun> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Lets the rest of the map run, without keeping its results, and says what it came to.
    pub async fn finish(mut self) -> MapSummary {
        while self.next().await.is_some() {}
        let counts = &self.work.counts;
        let (total, failed, cached) = (counts.ended, counts.failed, counts.cached);
        let settled = self.settled.take().unwrap_or_else(|| self.settle(None, 0));
        MapSummary { settled, total, failed, cached }
    }

    /// Makes the map's spans the current ones.
    fn resume(&self) {
        if let Some((root, map)) = &self.spans {
            root.resume();
            map.resume();
        }
    }

    /// Leaves the map's spans: whoever takes the items goes on.
    fn suspend(&mut self) {
        if let Some((root, map)) = &mut self.spans {
            map.suspend();
            root.suspend();
        }
    }

    fn poll_inside(&mut self, cx: &mut Context<'_>) -> Poll<Option<ItemEnd>> {
        loop {
            if let Some(end) = self.order.as_mut().and_then(InOrder::take) {
                return Poll::Ready(Some(end));
            }
            let may_start = self.order.as_ref().is_none_or(|order| order.waiting.len() < MOST_WAITING);
            let Some(ended) = std::task::ready!(self.work.poll_ended(cx, may_start)) else {
                // What waits for an item that never ended has ended all the same.
                let last = self.order.as_mut().and_then(|order| order.waiting.pop_first());
                return Poll::Ready(last.map(|(_, end)| end));
            };
            let end = ItemEnd { index: ended.index, result: ended.done.result };
            match &mut self.order {
                Some(order) => drop(order.waiting.insert(end.index, end)),
                None => return Poll::Ready(Some(end)),
            }
        }
    }

    /// Ends the map's spans and the run.
    fn end(&mut self, early: Option<Error>) {
        let Some((root, map)) = self.spans.take() else { return };
        if early.is_some() {
            self.work.cancel();
        }
        let (end, counts) = (Tick::now(), &self.work.counts);
        let error = early.clone().or_else(|| counts.error(None));
        let (total, ports) = (counts.ended - counts.failed, self.level.pipeline.0.outputs.as_slice());
        let made = Lot::Taken { total, ports, picked: &self.outputs };
        match early {
            // Dropped, it ends as cancelled.
            Some(_) => drop(map),
            None => counts.end_span(map, counts.ended, end, made),
        }
        let error = error.map(|error| error.at(&self.level.place.path(), None, self.level.run.id, 1));
        let duration_ns = root.frame.start.elapsed_ns(end);
        end_root(root, error.as_ref(), counts.hit(), end, if error.is_some() { Lot::Unknown } else { made });
        self.settled = Some(self.settle(error, duration_ns));
    }

    fn settle(&mut self, error: Option<Error>, duration_ns: u64) -> Settled {
        settled(&self.level, self.root, error, duration_ns, self.retained.take(), self.own_feed.take())
    }
}

impl InOrder {
    /// Takes the item whose turn it is, if it has ended.
    fn take(&mut self) -> Option<ItemEnd> {
        let end = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(end)
    }
}

impl Stream for MapStream {
    type Item = ItemRun;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ItemRun>> {
        let this = &mut *self;
        if this.spans.is_none() {
            return Poll::Ready(None);
        }
        let scope = this.level.scope.clone();
        let _active = scope.activate();
        this.resume();
        let mut polled = this.poll_inside(cx);
        if polled.is_pending() && this.limits.poll_over(cx) {
            polled = this.poll_inside(cx);
        }
        this.suspend();
        match polled {
            Poll::Ready(Some(end)) => Poll::Ready(Some(ItemRun::new(end, &this.ports))),
            Poll::Ready(None) => {
                this.end(this.limits.error());
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for MapStream {
    fn drop(&mut self) {
        if self.spans.is_some() {
            self.end(Some(cancelled()));
        }
    }
}
