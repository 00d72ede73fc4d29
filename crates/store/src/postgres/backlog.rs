//! What a sink was given and the server has not: one thread brings it, and while the server is away or slow it waits in a folder.
//!
//! A batch is taken for good when it is on the server or in the folder. Whoever gives batches waits for a server only for a moment: one
//! that refuses and one that hangs cost the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowglass_model::WriterId;
use flowglass_spool::{Frame, Spool, WhenFull};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::commit::{Committer, Written};
use super::link::Link;
use crate::block::{FrameDecoder, FrameEncoder};
use crate::hash::hash;
use crate::{Durability, StoreError, StoreErrorKind, spooled};

/// So many batches are brought in one transaction.
const AT_ONCE: usize = 16;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Batches on their way to the server.
pub(super) struct Backlog {
    link: Arc<Link>,
    /// The number of the sink that gives the batches.
    sink: i64,
    state: Mutex<State>,
    /// Something to do, or the end: for the thread that brings.
    news: Condvar,
    /// Something is done: for the thread that gives.
    done: Condvar,
}

#[derive(Default)]
struct State {
    /// What the giver waits for: nothing once the carrier has it.
    job: Option<Job>,
    /// What is asked for and answered, by number.
    asked: u64,
    answered: u64,
    answer: Option<Result<(), StoreError>>,
    /// Nothing until something has to wait.
    spool: Option<Spool>,
    /// Batches of the last group that was given back, and may be on the server all the same.
    doubtful: Vec<(WriterId, u64)>,
    /// How many groups of frames were brought, and whether the last one couldn't be.
    brought: u64,
    is_refused: bool,
    is_ending: bool,
}

enum Job {
    Write(Vec<Written>),
    /// What the server says it has is on its disk.
    Flush,
}

impl State {
    fn waits(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| !spool.is_empty())
    }

    /// Says whether the carrier is at something that nobody waits for any more.
    fn hangs(&self) -> bool {
        self.answered < self.asked
    }
}

/// What the carrier does next.
enum Next {
    Job(Job, u64),
    Frames(Vec<Frame>),
    End,
}

impl Backlog {
    /// Begins with what other processes left in the folder, if there is one. The thread ends with [`end`](Self::end).
    pub(super) fn open(link: &Arc<Link>, committer: Committer, sink: i64) -> Result<(Arc<Self>, JoinHandle<()>), StoreError> {
        let backlog = Arc::new(Self {
            link: Arc::clone(link),
            sink,
            state: Mutex::default(),
            news: Condvar::new(),
            done: Condvar::new(),
        });
        if folder(link).is_some_and(|folder| folder.is_dir()) {
            // What can't be opened now is tried again when something has to wait.
            let _ = backlog.open_spool(&mut backlog.state.lock());
        }
        let carrier = Arc::clone(&backlog);
        let thread = thread::Builder::new().name("flowglass-pg-sink".to_owned()).spawn(move || carrier.carry(committer));
        let thread = thread.map_err(|error| {
            StoreError::new(StoreErrorKind::Io, format!("no thread that writes to {} can be started", link.place))
                .with_source(error)
        })?;
        Ok((backlog, thread))
    }

    /// Takes all of these batches, or none.
    pub(super) fn take(&self, mut batches: Vec<Written>) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if state.waits() {
            // They come behind what came before.
            return self.keep(state, &batches);
        }
        let key = |written: &Written| (written.batch.writer, written.batch.sequence);
        batches.iter_mut().for_each(|written| written.again |= state.doubtful.contains(&key(written)));
        state.doubtful.retain(|doubtful| !batches.iter().any(|written| key(written) == *doubtful));
        match self.ask(&mut state, Job::Write(batches.clone())) {
            Some(Err(error)) if error.is_retryable() && self.keeps() => self.keep(state, &batches),
            Some(answer) => answer,
            None => {
                let kept = self.keep(state, &batches);
                if kept.is_err() {
                    self.state.lock().doubtful = batches.iter().map(key).collect();
                }
                kept
            }
        }
    }

    /// Waits until the server has everything, as long as it goes on; what the folder has is on our disk already.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        let mut goes_on = true;
        while state.waits() && !state.is_refused && goes_on {
            let (brought, until) = (state.brought, Instant::now() + self.link.options.hold);
            while state.waits() && state.brought == brought && !state.is_refused && goes_on {
                goes_on = !self.done.wait_until(&mut state, until).timed_out();
            }
        }
        match self.link.durability {
            Durability::Full => Ok(()),
            Durability::Process if state.waits() => Err(self.is_away()),
            Durability::Process => self.ask(&mut state, Job::Flush).unwrap_or_else(|| Err(self.is_away())),
        }
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

    /// Lets the carrier do something, and waits for it as long as a sink may; returns nothing if that wasn't long enough.
    fn ask(&self, state: &mut MutexGuard<'_, State>, job: Job) -> Option<Result<(), StoreError>> {
        let until = self.keeps().then(|| Instant::now() + self.link.options.hold);
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

    fn keeps(&self) -> bool {
        self.link.options.spool.is_some()
    }

    /// Puts batches into the folder.
    fn keep(&self, mut state: MutexGuard<'_, State>, batches: &[Written]) -> Result<(), StoreError> {
        let kept = self.open_spool(&mut state).and_then(|()| {
            let mut encoder = FrameEncoder::new()?;
            let spool = state.spool.as_mut().ok_or(std::io::ErrorKind::NotFound)?;
            for Written { batch, sink, .. } in batches {
                spool.push(spooled::items(batch), &spooled::encode(batch, *sink, &mut encoder)?)?;
            }
            spool.flush()
        });
        self.news.notify_all();
        kept.map_err(|error| {
            let message = format!("{} is away, and what waits for it can't be kept: {error}", self.link.place);
            StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
        })
    }

    fn open_spool(&self, state: &mut State) -> std::io::Result<()> {
        if state.spool.is_none() {
            let folder = folder(&self.link).ok_or(std::io::ErrorKind::Unsupported)?;
            state.spool = Some(Spool::open(&folder, self.link.options.spool_bytes, WhenFull::Refuse)?);
        }
        Ok(())
    }

    /// Brings what is given and what waits, until the sink ends.
    fn carry(&self, mut committer: Committer) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.next() {
                Next::Job(job, number) => self.answer(number, self.work(&mut committer, &job)),
                Next::Frames(frames) => {
                    let brought = self.bring(&mut committer, &frames);
                    let is_refused = brought.is_err();
                    let is_away = brought.is_err_and(|error| error.kind() != StoreErrorKind::Busy);
                    if self.tell(is_refused) && is_away {
                        // There is no time to wait for it. Other writers in the way are gone in a moment.
                        break;
                    }
                    if is_refused {
                        self.pause(wait);
                    }
                    wait = if is_refused { (wait * 2).min(LONGEST_WAIT) } else { FIRST_WAIT };
                }
                Next::End => break,
            }
        }
        // Where this fails, the sink falls silent, and is taken for dead a little later.
        let _ = committer.end(self.sink);
    }

    fn work(&self, committer: &mut Committer, job: &Job) -> Result<(), StoreError> {
        match job {
            Job::Write(batches) => committer.commit(batches),
            Job::Flush => committer.flush(self.sink),
        }
    }

    /// Returns what is to be done, as soon as there is something.
    fn next(&self) -> Next {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.job.take() {
                return Next::Job(job, state.asked);
            }
            let frames = state.spool.as_mut().map(|spool| spool.lend(AT_ONCE)).unwrap_or_default();
            if !frames.is_empty() {
                return Next::Frames(frames);
            }
            if state.is_ending {
                return Next::End;
            }
            self.news.wait(&mut state);
        }
    }

    fn answer(&self, number: u64, answer: Result<(), StoreError>) {
        let mut state = self.state.lock();
        state.answered = number;
        state.answer = Some(answer);
        self.done.notify_all();
    }

    /// Notes what became of some frames; says whether the sink is ending.
    fn tell(&self, is_refused: bool) -> bool {
        let mut state = self.state.lock();
        state.is_refused = is_refused;
        state.brought += u64::from(!is_refused);
        self.done.notify_all();
        state.is_ending
    }

    /// Brings frames, all in one transaction; one by one where something is wrong with some.
    fn bring(&self, committer: &mut Committer, frames: &[Frame]) -> Result<(), StoreError> {
        match self.commit(committer, frames) {
            Ok(()) => {
                self.with_spool(|spool| spool.arrived(frames.len()));
                Ok(())
            }
            Err(error) if error.is_retryable() => Err(error),
            Err(_) => frames.iter().try_for_each(|frame| self.bring_one(committer, frame)),
        }
    }

    fn bring_one(&self, committer: &mut Committer, frame: &Frame) -> Result<(), StoreError> {
        let brought = self.commit(committer, std::slice::from_ref(frame));
        match brought {
            Err(error) if error.is_retryable() => return Err(error),
            brought => self.with_spool(|spool| {
                spool.lend(1);
                // What the server didn't take now it will never take.
                if brought.is_ok() { spool.arrived(1) } else { spool.refuse(1) }
            }),
        }
        Ok(())
    }

    fn commit(&self, committer: &mut Committer, frames: &[Frame]) -> Result<(), StoreError> {
        let mut decoder = FrameDecoder::default();
        let decoded = frames.iter().map(|frame| {
            let (batch, sink) = spooled::decode(&frame.bytes, &mut decoder).map_err(|damage| {
                StoreError::new(
                    StoreErrorKind::Corrupt,
                    format!("what waits for {} can't be read: {}", self.link.place, damage.0),
                )
            })?;
            Ok(Written { batch: Arc::new(batch), sink, again: true })
        });
        let batches = decoded.collect::<Result<Vec<_>, StoreError>>()?;
        committer.commit(&batches)?;
        // Only a sink that has ended leaves anything to others, and what it could not bring is also that it ended.
        let others: BTreeSet<i64> = batches.iter().map(|written| written.sink).filter(|sink| *sink != self.sink).collect();
        others.into_iter().for_each(|sink| committer.found_ended(sink));
        Ok(())
    }

    fn with_spool(&self, work: impl FnOnce(&mut Spool)) {
        if let Some(spool) = self.state.lock().spool.as_mut() {
            work(spool);
        }
    }

    /// Waits, but no longer than until the sink ends.
    fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.state.lock();
        while !state.is_ending && !self.news.wait_until(&mut state, until).timed_out() {}
    }
}

/// Each server has a folder of its own.
fn folder(link: &Link) -> Option<std::path::PathBuf> {
    Some(link.options.spool.as_ref()?.join(format!("postgres-{:016x}", hash(link.place.as_bytes()))))
}
