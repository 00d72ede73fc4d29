//! What is known of the jobs of one backend: what waits in which lane, and what is under way.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;

use flowglass_model::RunId;
use indexmap::IndexMap;

use super::dispatch::{Errand, Returned};
use super::job::{ItemResult, WorkerId};
use super::lane::{Lane, LaneKey, Waiting};
use super::observed::Observed;
use super::transport::JobId;

/// What a dispatcher knows.
#[derive(Default)]
pub(super) struct State {
    pub(super) next_job: u64,
    /// How many jobs have ended.
    pub(super) landed: u64,
    pub(super) lanes: IndexMap<LaneKey, Lane>,
    pub(super) flights: HashMap<JobId, Flight>,
    /// Runs for which there can be no worker, and why; the latest last.
    pub(super) hopeless: VecDeque<(RunId, String)>,
    pub(super) observed: Observed,
    pub(super) is_pumping: bool,
    pub(super) pump_again: bool,
}

/// A job under way.
pub(super) struct Flight {
    pub(super) lane: LaneKey,
    /// Its items, those that have ended left out.
    pub(super) items: Vec<Option<Waiting>>,
    /// Whether its worker has begun. What still waited beside a worker's other job didn't kill it.
    pub(super) has_begun: bool,
}

/// For so many runs it is remembered that there can be no worker.
const HOPELESS: usize = 16;

/// The job of an item that waits.
pub(super) const NOWHERE: u64 = 0;

/// The job of an item that is about to have one.
pub(super) const ON_ITS_WAY: u64 = u64::MAX;

impl Flight {
    pub(super) fn new(lane: LaneKey, items: Vec<Waiting>) -> Self {
        Self { lane, items: items.into_iter().map(Some).collect(), has_begun: false }
    }

    /// Says whether anybody waits for any of its items.
    pub(super) fn is_wanted(&self) -> bool {
        self.items.iter().flatten().any(Waiting::is_wanted)
    }

    /// Ends items, by their places in the job.
    pub(super) fn end(&mut self, worker: &WorkerId, results: Vec<(u32, ItemResult)>) {
        for (at, result) in results {
            if let Some(item) = self.items.get_mut(at as usize).and_then(Option::take) {
                item.end(Ok(Some(Returned { result, worker: worker.clone() })));
            }
        }
    }
}

impl State {
    /// Takes the next job's items: lanes take turns.
    pub(super) fn take_chunk(&mut self, room: usize) -> Option<(LaneKey, Errand, Vec<Waiting>)> {
        for _ in 0..self.lanes.len() {
            let (key, mut lane) = self.lanes.shift_remove_index(0)?;
            let items = lane.take(room);
            lane.flights += usize::from(!items.is_empty());
            let errand = lane.errand.clone();
            if !lane.is_over() {
                self.lanes.insert(key, lane);
            }
            if !items.is_empty() {
                items.iter().for_each(|item| item.job.store(ON_ITS_WAY, Ordering::Release));
                return Some((key, errand, items));
            }
        }
        None
    }

    /// Lets an item wait again, first of all. One that was given up meanwhile ends with that.
    pub(super) fn put_back(&mut self, key: &LaneKey, errand: &Errand, item: Waiting) {
        if !item.is_wanted() {
            return;
        }
        item.job.store(NOWHERE, Ordering::Release);
        self.lanes.entry(*key).or_insert_with(|| Lane::new(errand.clone())).waiting.push_front(item);
    }

    /// A job of this lane is over; so may the lane be.
    pub(super) fn release(&mut self, key: &LaneKey) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.flights = lane.flights.saturating_sub(1);
        if lane.is_over() {
            self.lanes.shift_remove(key);
        }
    }

    /// Ends a flight; its lane is to be released.
    pub(super) fn land(&mut self, job: JobId) -> Option<(Flight, Errand)> {
        let errand = self.errand_of(job, |_| false)?;
        self.landed += 1;
        Some((self.flights.remove(&job)?, errand))
    }

    /// What is known of a job's lane; where the job is over, that of another one that will do.
    pub(super) fn errand_of(&self, job: JobId, will_do: impl Fn(RunId) -> bool) -> Option<Errand> {
        let key = match self.flights.get(&job) {
            Some(flight) => flight.lane,
            None => self.flights.values().map(|flight| flight.lane).find(|lane| will_do(lane.run))?,
        };
        self.lanes.get(&key).map(|lane| lane.errand.clone())
    }

    pub(super) fn learn(&mut self, lane: &LaneKey, elapsed_ns: u64, items: usize) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.learn(elapsed_ns, items);
        }
    }

    /// There can be no worker for this run: what waits of it is taken out.
    pub(super) fn give_up(&mut self, run: RunId, reason: &str) -> Vec<Waiting> {
        if self.hopeless.len() == HOPELESS {
            self.hopeless.pop_front();
        }
        self.hopeless.push_back((run, reason.to_owned()));
        let lanes = self.lanes.iter_mut().filter(|(key, _)| key.run == run);
        lanes.flat_map(|(_, lane)| std::mem::take(&mut lane.waiting)).collect()
    }
}
