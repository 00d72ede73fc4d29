//! The driver's side: what waits for a worker, what is under way, and what becomes of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use flowglass_model::Batch;
use flowglass_record::Recorder;
use parking_lot::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::away::Away;
use super::envelope::{self, Kind};
use super::event::RemoteEvent;
use super::flight::{Flight, NOWHERE, State};
use super::job::{Header, ItemResult, JobResult, Update, WorkerId};
use super::lane::{Chunk, Lane, LaneKey, Waiting};
use super::pack::{self, Item, Packed};
use super::telemetry::{OpenElsewhere, TelemetryCodec};
use super::transport::{Fate, Home, JobId, Message, OutgoingJob, Transport, WorkerLost};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind};

/// Sends what runs want done elsewhere to the workers of one transport, in jobs of a good size.
pub(crate) struct Dispatcher {
    transport: Arc<dyn Transport>,
    state: Mutex<State>,
    open: OpenElsewhere,
    this: Weak<Self>,
}

/// What all items of a lane have in common.
#[derive(Clone)]
pub(crate) struct Errand {
    pub(crate) header: Arc<Header>,
    pub(crate) recorder: Recorder,
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
    /// Its worker was lost, with so many of the run's spans open: another will be asked, or it is over.
    Lost(Arc<WorkerLost>, u64),
    /// It is over.
    Done(Result<Returned, Error>),
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

    /// Puts an item into its lane, which is made if it isn't there. The returned future ends with what came back.
    pub(crate) fn submit(self: &Arc<Self>, key: LaneKey, errand: impl FnOnce() -> Errand, item: Item) -> Away {
        let (tell, told) = unbounded_channel();
        let job = Arc::new(AtomicU64::new(NOWHERE));
        let waiting = Waiting { item, tell, job: Arc::clone(&job), losses: 0, accidents: 0, alone: false };
        let mut state = self.state.lock();
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
        Away::new(told, Arc::clone(self), job, timeout)
    }

    /// Returns how many calls and items wait for a worker.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().lanes.values().map(|lane| lane.waiting.len()).sum()
    }

    /// Returns how many jobs workers have in hand.
    pub(super) fn under_way(&self) -> usize {
        self.state.lock().flights.len()
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
        let job = JobId(state.next_job);
        drop(state);
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

    fn update(&self, job: JobId, body: &[u8]) {
        let limit = self.transport.limits().message_bytes;
        // What can't be read is telemetry at worst; the answer to the job says whether all is well.
        let Ok(update) = envelope::open::<Update>(Kind::Update, body, limit) else { return };
        match update {
            Update::Started => self.started(job),
            Update::Events(events) => self.tell_events(job, events),
            Update::Ended { worker, items } => self.ended(job, &worker, items),
            Update::Telemetry { worker, trace, batch } => {
                let errand = self.state.lock().errand_of(job, |run| run.trace == trace);
                let Some((recorder, Some(codec))) = errand.map(|errand| (errand.recorder, errand.codec)) else { return };
                let unread = |_| vec![Batch { dropped: 1, ..Batch::default() }];
                for mut batch in codec.decode(&batch.0).unwrap_or_else(unread) {
                    self.open.note(&worker, &mut batch);
                    recorder.relay(batch);
                }
            }
        }
    }

    fn started(&self, job: JobId) {
        let mut state = self.state.lock();
        if let Some(flight) = state.flights.get_mut(&job) {
            flight.has_begun = true;
            flight.items.iter().flatten().for_each(|item| item.tell(Told::Started));
        }
    }

    fn tell_events(&self, job: JobId, events: Vec<RemoteEvent>) {
        let state = self.state.lock();
        let Some(flight) = state.flights.get(&job) else { return };
        for event in events {
            if let Some(Some(item)) = flight.items.get(event.item as usize) {
                item.tell(Told::Event(event));
            }
        }
    }

    /// Some items of a job have ended before the others.
    fn ended(&self, job: JobId, worker: &WorkerId, items: Vec<(u32, ItemResult)>) {
        if let Some(flight) = self.state.lock().flights.get_mut(&job) {
            flight.end(worker, items);
        }
    }

    fn result(&self, job: JobId, body: &[u8]) {
        let limit = self.transport.limits().message_bytes;
        let Some((mut flight, errand)) = self.state.lock().land(job) else { return };
        let count = flight.items.len();
        let result = envelope::open::<JobResult>(Kind::Result, body, limit)
            .map_err(|error| format!("a worker's answer can't be read: {error}"))
            .and_then(|result| {
                errand.recorder.relay(Batch { dropped: result.dropped, ..Batch::default() });
                Ok((result.items?, result.worker, result.elapsed_ns))
            });
        let missing = match result {
            Ok((items, worker, elapsed_ns)) => {
                self.state.lock().learn(&flight.lane, elapsed_ns, count);
                flight.end(&worker, items);
                "a worker's answer is short".to_owned()
            }
            Err(reason) => reason,
        };
        let error = Error::new(ErrorKind::Worker, missing);
        flight.items.into_iter().flatten().for_each(|item| item.end(Err(error.clone())));
        self.state.lock().release(&flight.lane);
    }

    fn lost(&self, job: JobId, lost: &WorkerLost) {
        let Some((flight, errand)) = self.state.lock().land(job) else { return };
        let interrupted = self.open.interrupt(&lost.worker, flight.lane.run.trace, &errand.recorder);
        if lost.fate == Fate::Impossible {
            let waiting = self.state.lock().give_up(flight.lane.run, &lost.reason);
            let error = Error::new(ErrorKind::Environment, &*lost.reason);
            self.state.lock().release(&flight.lane);
            return flight.items.into_iter().flatten().chain(waiting).for_each(|item| item.end(Err(error.clone())));
        }
        let about = Arc::new(lost.clone());
        let is_blamed = lost.fate == Fate::Died && flight.has_begun;
        for mut item in flight.items.into_iter().flatten().rev() {
            item.losses += u32::from(is_blamed);
            item.accidents += u32::from(!is_blamed);
            item.tell(Told::Lost(Arc::clone(&about), interrupted));
            if item.losses > errand.losses || item.accidents > MOST_ACCIDENTS {
                let error = lost_for_good(lost, item.losses);
                item.end(Err(error));
                continue;
            }
            // Alone, so that of several only the one that is at fault can fail.
            item.alone = true;
            item.job.store(NOWHERE, Ordering::Release);
            self.state.lock().put_back(&flight.lane, &errand, item);
        }
        self.state.lock().release(&flight.lane);
    }
}

/// An item is given to so many further workers at most if its workers die without having begun with it.
const MOST_ACCIDENTS: u32 = 16;

fn lost_for_good(lost: &WorkerLost, losses: u32) -> Error {
    let tries = if losses > 1 { format!("; {losses} workers were lost with it") } else { String::new() };
    Error::new(ErrorKind::Worker, format!("worker `{}` was lost: {}{tries}", lost.worker, lost.reason))
}

impl Home for Dispatcher {
    fn receive(&self, job: JobId, message: Message) {
        match message {
            Message::Update(body) => return self.update(job, &body),
            Message::Result(body) => self.result(job, &body),
            Message::Lost(lost) => self.lost(job, &lost),
        }
        self.pump();
    }
}

impl Waiting {
    pub(super) fn tell(&self, told: Told) {
        // Nobody may be there any more.
        let _ = self.tell.send(told);
    }

    pub(super) fn end(self, result: Result<Returned, Error>) {
        self.tell(Told::Done(result));
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.tell.is_closed()
    }
}

pub(super) type Teller = UnboundedSender<Told>;
