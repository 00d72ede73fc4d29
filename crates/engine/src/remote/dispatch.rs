//! The driver's side: what waits for a worker is sent, as many jobs at once as the transport takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use flowglass_record::Scope;
use parking_lot::Mutex;

use super::away::{Away, Stop};
use super::event::RemoteEvent;
use super::flight::{Flight, NOWHERE, ON_ITS_WAY, State};
use super::job::{Header, ItemResult, WorkerId};
use super::lane::{Chunk, Lane, LaneKey, Waiting};
use super::line::{Hearer, line};
use super::pack::{self, Item, Packed};
use super::telemetry::{OpenElsewhere, TelemetryCodec};
use super::transport::{Home, JobId, Message, OutgoingJob, Transport};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};

/// Sends what runs want done elsewhere to the workers of one transport, in jobs of a good size.
pub(crate) struct Dispatcher {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) state: Mutex<State>,
    pub(super) open: OpenElsewhere,
    this: Weak<Self>,
}

/// What all items of a lane have in common.
#[derive(Clone)]
pub(crate) struct Errand {
    pub(crate) header: Arc<Header>,
    /// Where the items' spans are.
    pub(crate) scope: Scope,
    pub(crate) codec: Option<Arc<dyn TelemetryCodec>>,
    pub(crate) chunk: Chunk,
    /// How often an item may be tried again after its worker died.
    pub(crate) losses: u32,
    pub(crate) resources: Arc<[(String, String)]>,
    /// Through which values may go that are too large to be sent: the worker can open it, too.
    pub(crate) cache: Option<Cache>,
}

/// What an item's future is told.
pub(crate) enum Told {
    /// Its worker has begun.
    Started,
    /// Something happened inside.
    Event(RemoteEvent),
    /// Its worker was lost: another will be asked, or it is over.
    Lost,
    /// It is over.
    Done(Result<Option<Returned>, Error>),
}

/// An item that came back.
pub(crate) struct Returned {
    pub(crate) result: ItemResult,
    pub(crate) worker: WorkerId,
}

impl Dispatcher {
    pub(crate) fn new(transport: Arc<dyn Transport>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            transport,
            state: Mutex::default(),
            open: OpenElsewhere::default(),
            this: Weak::clone(this),
        })
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// Puts an item into its lane, which is made if it isn't there. The returned future ends with what came back, or with
    /// nothing, if the item's results have turned up meanwhile; `stop` ends it early.
    pub(crate) fn submit(self: &Arc<Self>, key: LaneKey, errand: impl FnOnce() -> Errand, item: Item, stop: Stop) -> Away {
        let (tell, told) = line();
        let job = Arc::new(AtomicU64::new(NOWHERE));
        let mut state = self.state.lock();
        let waiting = Waiting { landed: state.landed, ..Waiting::new(item, tell, Arc::clone(&job)) };
        let hopeless = state.hopeless.iter().find(|(run, _)| *run == key.run).map(|(_, reason)| reason.clone());
        let timeout = match hopeless {
            Some(reason) => {
                waiting.end(Err(Error::new(ErrorKind::Environment, reason)));
                None
            }
            None => {
                let State { lanes, observed, .. } = &mut *state;
                let lane = lanes.entry(key).or_insert_with(|| {
                    let errand = errand();
                    observed.by(&errand, &self.this);
                    Lane::new(errand)
                });
                lane.waiting.push_back(waiting);
                lane.errand.header.timeout_ns.map(Duration::from_nanos)
            }
        };
        drop(state);
        self.pump();
        Away::new(told, Arc::clone(self), job, timeout, stop)
    }

    /// Returns how many calls and items wait for a worker.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// Returns how many jobs workers have in hand.
    pub(super) fn under_way(&self) -> usize {
        self.state.lock().flights.len()
    }

    /// Nobody wants what an item makes any more, but that it ends. Says whether there is something to wait for: whether a worker has
    /// it, or is about to.
    pub(super) fn give_up(&self, told: &Hearer, job: &AtomicU64) -> bool {
        let state = self.state.lock();
        told.give_up();
        let job = job.load(Ordering::Acquire);
        drop(state);
        // Whoever packs it looks whether it is still wanted when it has been sent.
        if job != NOWHERE && job != ON_ITS_WAY {
            self.stop_unwanted(JobId(job));
        }
        job != NOWHERE
    }

    /// An item's future was dropped: a job of which nobody wants anything any more is stopped.
    pub(super) fn abandoned(&self, job: &AtomicU64) {
        self.stop_unwanted(JobId(job.load(Ordering::Acquire)));
    }

    fn stop_unwanted(&self, job: JobId) {
        let state = self.state.lock();
        let is_wanted = state.flights.get(&job).is_none_or(Flight::is_wanted);
        drop(state);
        if !is_wanted {
            self.transport.cancel(job);
        }
    }

    /// Sends jobs as long as there is something to send and somebody to send it to.
    fn pump(&self) {
        let mut state = self.state.lock();
        if state.is_pumping {
            state.pump_again = true;
            return;
        }
        state.is_pumping = true;
        drop(state);
        while self.pump_once() {}
    }

    /// Sends one job; says whether there may be another.
    fn pump_once(&self) -> bool {
        let limits = self.transport.limits();
        let mut state = self.state.lock();
        let room = limits.concurrency.saturating_sub(state.flights.len());
        let chunk = if room > 0 { state.take_chunk(room) } else { None };
        let Some((key, errand, items)) = chunk else {
            state.is_pumping = std::mem::take(&mut state.pump_again);
            return state.is_pumping;
        };
        state.next_job += 1;
        let (job, landed) = (JobId(state.next_job), state.landed);
        drop(state);
        let items = items.into_iter().filter_map(|item| item.unless_known(landed)).collect();
        let Packed { body, sent, left, refused } =
            pack::pack(&errand.header, errand.cache.as_ref(), items, limits.message_bytes);
        refused.into_iter().for_each(|(item, error)| item.end(Err(error)));
        let mut state = self.state.lock();
        left.into_iter().rev().for_each(|item| state.put_back(&key, &errand, item));
        if sent.is_empty() {
            state.release(&key);
            return true;
        }
        sent.iter().for_each(|item| item.job.store(job.0, Ordering::Release));
        state.flights.insert(job, Flight::new(key, sent));
        drop(state);
        if let Some(home) = self.this.upgrade() {
            let timeout = errand.header.timeout_ns.map(Duration::from_nanos);
            self.transport.submit(OutgoingJob { id: job, body, timeout, resources: errand.resources }, home);
        }
        // Whoever gave up its item while it was packed didn't know the job yet.
        self.stop_unwanted(job);
        true
    }
}

impl Home for Dispatcher {
    fn receive(&self, job: JobId, message: Message) {
        match message {
            Message::Update(body) => return self.update(job, &body),
            Message::Output(output) => return self.output(job, &output),
            Message::Result(body) => self.result(job, &body),
            Message::Lost(lost) => self.lost(job, &lost),
        }
        self.pump();
    }
}
