//! What a sink was given and the server has not: one thread brings it, and while the server is away or slow it waits in a folder.
//!
//! A batch is taken for good when it is on the server or in the folder. Whoever gives batches waits for a server only for a moment: one
//! that refuses and one that hangs cost the same.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowglass_model::WriterId;
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::carrier::{Carrier, waits_for};
use super::commit::{Committer, Written};
use super::link::Link;
use super::waiting::Waiting;
use crate::{Durability, StoreError, StoreErrorKind};

/// Batches on their way to the server.
pub(super) struct Backlog {
    pub(super) link: Arc<Link>,
    pub(super) state: Mutex<State>,
    /// Something to do, or the end: for the thread that brings.
    pub(super) news: Condvar,
    /// Something is done: for the thread that gives.
    pub(super) done: Condvar,
}

pub(super) struct State {
    /// What the giver waits for: nothing once the carrier has it.
    pub(super) job: Option<Job>,
    /// What is asked for and answered, by number.
    pub(super) asked: u64,
    answered: u64,
    answer: Option<Result<(), StoreError>>,
    pub(super) waiting: Waiting,
    /// Batches of the last group that was given back, and may be on the server all the same.
    doubtful: Vec<(WriterId, u64)>,
    /// How many groups of frames were brought, and whether the last one couldn't be.
    brought: u64,
    is_refused: bool,
    /// Why the server doesn't let us in, though it is there; told once.
    refusal: Option<StoreError>,
    /// Why the server didn't take what is lost.
    pub(super) loses_by: Option<String>,
    pub(super) is_ending: bool,
}

pub(super) enum Job {
    Write(Vec<Written>),
    /// What the server says it has is on its disk.
    Flush,
}

impl State {
    fn new(waiting: Waiting) -> Self {
        Self {
            job: None,
            asked: 0,
            answered: 0,
            answer: None,
            waiting,
            doubtful: Vec::new(),
            brought: 0,
            is_refused: false,
            refusal: None,
            loses_by: None,
            is_ending: false,
        }
    }

    fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Returns where batches wait, if some do.
    fn waits_in(&self) -> Option<PathBuf> {
        self.waiting.place().filter(|_| self.waits())
    }

    /// Says whether the carrier is at something that nobody waits for any more.
    const fn hangs(&self) -> bool {
        self.answered < self.asked
    }
}

impl Backlog {
    /// Begins with what other processes left in the folder, if there is one. The thread ends with [`end`](Self::end).
    pub(super) fn open(link: &Arc<Link>, committer: Committer) -> Result<(Arc<Self>, JoinHandle<()>), StoreError> {
        let state = Mutex::new(State::new(Waiting::for_server(link)));
        let backlog = Arc::new(Self { link: Arc::clone(link), state, news: Condvar::new(), done: Condvar::new() });
        let carrier = Carrier::start(&backlog, committer)?;
        Ok((backlog, carrier))
    }

    /// Takes all of these batches, or none.
    pub(super) fn take(&self, mut batches: Vec<Written>) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.waits() {
            // They come behind what came before.
            return self.keep(&mut state, &batches);
        }
        let key = |written: &Written| (written.batch.writer, written.batch.sequence);
        batches.iter_mut().for_each(|written| written.again |= state.doubtful.contains(&key(written)));
        state.doubtful.retain(|doubtful| !batches.iter().any(|written| key(written) == *doubtful));
        match self.ask(&mut state, Job::Write(batches.clone())) {
            Some(Err(error)) if waits_for(&error) && state.waiting.is_wanted() => self.keep(&mut state, &batches),
            Some(answer) => answer,
            None => {
                let kept = self.keep(&mut state, &batches);
                if kept.is_err() {
                    state.doubtful = batches.iter().map(key).collect();
                }
                kept
            }
        }
    }

    /// Waits until the server has everything, as long as it goes on; what the folder has is on our disk already.
    ///
    /// What was lost since the last time is told here, and that the server doesn't let us in.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let mut goes_on = true;
        while state.waits() && !state.is_refused && goes_on {
            let (brought, until) = (state.brought, Instant::now() + self.link.options.hold);
            while state.waits() && state.brought == brought && !state.is_refused && goes_on {
                goes_on = !self.done.wait_until(&mut state, until).timed_out();
            }
        }
        self.trouble(&mut state)?;
        match self.link.durability {
            Durability::Full => Ok(()),
            Durability::Process if state.waits() => Err(self.is_away()),
            Durability::Process => self.ask(&mut state, Job::Flush).unwrap_or_else(|| Err(self.is_away())),
        }
    }

    /// Says what went wrong since the last time that somebody asked.
    fn trouble(&self, state: &mut State) -> Result<(), StoreError> {
        let place = &self.link.place;
        let lost = state.waiting.take_lost();
        if lost > 0 {
            self.link.lost(lost);
            let why = state.loses_by.take().unwrap_or_else(|| "they can't be read any more".to_owned());
            let message = format!("{lost} records that waited for {place} are lost: {why}");
            return Err(StoreError::new(StoreErrorKind::Corrupt, message));
        }
        let Some(refusal) = state.refusal.take() else { return Ok(()) };
        let folder = state.waiting.place().map(|folder| format!(" in {}", folder.display())).unwrap_or_default();
        Err(StoreError::new(refusal.kind(), format!("{refusal}; until then, what is recorded waits{folder}"))
            .with_source(refusal))
    }

    fn is_away(&self) -> StoreError {
        let message = format!("{} is away: what it has may not be on its disk yet", self.link.place);
        StoreError::new(StoreErrorKind::Unavailable, message)
    }

    /// Lets the carrier bring what it can, say that the sink has ended, and end itself. One whose server hangs isn't waited for.
    pub(super) fn end(&self, longest: Duration) {
        let mut state = self.state.lock();
        state.is_ending = true;
        let longest = if state.hangs() { longest.min(self.link.options.hold) } else { longest };
        self.link.ending.begin(Instant::now() + longest);
        self.news.notify_all();
    }

    /// Counts what was lost and nobody asked for.
    pub(super) fn ended(&self) {
        let lost = self.state.lock().waiting.take_lost();
        self.link.lost(lost);
    }

    /// Lets the carrier do something, and waits for it as long as a sink may; returns nothing if that wasn't long enough.
    fn ask(&self, state: &mut MutexGuard<'_, State>, job: Job) -> Option<Result<(), StoreError>> {
        let until = state.waiting.is_wanted().then(|| Instant::now() + self.link.options.hold);
        if !state.hangs() {
            state.asked += 1;
            let number = state.asked;
            state.job = Some(job);
            self.news.notify_all();
            while state.answered < number {
                match until {
                    Some(until) if self.done.wait_until(state, until).timed_out() => break,
                    Some(_) => {}
                    None => self.done.wait(state),
                }
            }
        }
        // What the carrier hasn't begun it needn't begin.
        if state.job.take().is_some() {
            state.answered = state.asked;
            return None;
        }
        if state.hangs() { None } else { state.answer.take() }
    }

    /// Puts batches into the folder.
    fn keep(&self, state: &mut State, batches: &[Written]) -> Result<(), StoreError> {
        let kept = state.waiting.keep(batches);
        self.link.note_waiting(state.waits_in());
        self.news.notify_all();
        kept.map_err(|error| {
            let message = format!("{} is away, and what waits for it can't be kept: {error}", self.link.place);
            StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
        })
    }

    /// Notes what became of a job.
    pub(super) fn answer(&self, number: u64, answer: Result<(), StoreError>) {
        let mut state = self.state.lock();
        state.answered = number;
        state.answer = Some(answer);
        self.done.notify_all();
    }

    /// Notes what became of some frames; says whether the sink is ending.
    pub(super) fn tell(&self, brought: Result<(), StoreError>) -> bool {
        let mut state = self.state.lock();
        state.is_refused = brought.is_err();
        state.brought += u64::from(brought.is_ok());
        self.link.note_waiting(state.waits_in());
        // Whether it is away shows by itself; that it wants something else of us has to be said.
        state.refusal = brought.err().filter(|error| !error.is_retryable());
        self.done.notify_all();
        state.is_ending
    }
}
