//! The thread that brings a sink's batches to its server: those that are given, and those that wait in the folder.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowglass_spool::Frame;

use super::backlog::{Backlog, Job};
use super::commit::Committer;
use super::waiting;
use crate::{StoreError, StoreErrorKind};

/// So many batches are brought in one transaction.
const AT_ONCE: usize = 16;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Brings what a backlog has until its sink ends.
pub(super) struct Carrier {
    backlog: Arc<Backlog>,
    committer: Committer,
}

/// What is done next.
enum Next {
    Job(Job, u64),
    Frames(Vec<Frame>),
    End,
}

impl Carrier {
    /// Starts the thread.
    pub(super) fn start(backlog: &Arc<Backlog>, committer: Committer) -> Result<JoinHandle<()>, StoreError> {
        let carrier = Self { backlog: Arc::clone(backlog), committer };
        let thread = thread::Builder::new().name("flowglass-pg-sink".to_owned()).spawn(move || carrier.carry());
        thread.map_err(|error| {
            let message = format!("no thread that writes to {} can be started", backlog.link.place);
            StoreError::new(StoreErrorKind::Io, message).with_source(error)
        })
    }

    fn carry(mut self) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.next() {
                Next::Job(job, number) => {
                    let answer = self.work(&job);
                    self.backlog.answer(number, answer);
                }
                Next::Frames(frames) => {
                    let brought = self.bring(&frames);
                    let is_refused = brought.is_err();
                    let is_away = brought.as_ref().is_err_and(|error| error.kind() != StoreErrorKind::Busy);
                    if self.backlog.tell(brought) && is_away {
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
        let _ = self.committer.end();
    }

    /// Returns what is to be done, as soon as there is something.
    fn next(&self) -> Next {
        let mut state = self.backlog.state.lock();
        loop {
            if let Some(job) = state.job.take() {
                return Next::Job(job, state.asked);
            }
            let frames = state.waiting.lend(AT_ONCE);
            if !frames.is_empty() {
                return Next::Frames(frames);
            }
            // What seemed to wait may have turned out to be unreadable.
            self.backlog.done.notify_all();
            if state.is_ending {
                return Next::End;
            }
            self.backlog.news.wait(&mut state);
        }
    }

    fn work(&mut self, job: &Job) -> Result<(), StoreError> {
        match job {
            Job::Write(batches) => self.committer.commit(batches),
            Job::Flush => self.committer.flush(),
        }
    }

    /// Brings frames, all in one transaction; one by one where something is wrong with some.
    fn bring(&mut self, frames: &[Frame]) -> Result<(), StoreError> {
        match self.commit(frames) {
            Ok(()) => {
                self.backlog.state.lock().waiting.arrived(frames.len());
                Ok(())
            }
            Err(error) if waits_for(&error) => Err(error),
            Err(_) => frames.iter().try_for_each(|frame| self.bring_one(frame)),
        }
    }

    fn bring_one(&mut self, frame: &Frame) -> Result<(), StoreError> {
        match self.commit(std::slice::from_ref(frame)) {
            Err(error) if waits_for(&error) => return Err(error),
            Ok(()) => self.backlog.state.lock().waiting.settle(true),
            // What the server didn't take now it will never take.
            Err(error) => {
                let mut state = self.backlog.state.lock();
                state.waiting.settle(false);
                state.loses_by = Some(error.to_string());
            }
        }
        Ok(())
    }

    fn commit(&mut self, frames: &[Frame]) -> Result<(), StoreError> {
        let batches = waiting::read(frames, &self.backlog.link.place)?;
        self.committer.commit(&batches)?;
        let others = waiting::others(&batches, self.committer.sink);
        others.into_iter().for_each(|sink| self.committer.found_ended(sink));
        Ok(())
    }

    /// Waits, but no longer than until the sink ends.
    fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.backlog.state.lock();
        while !state.is_ending && !self.backlog.news.wait_until(&mut state, until).timed_out() {}
    }
}

/// Says whether it is the server, and nothing in a batch, that has to change until it is taken.
pub(super) const fn waits_for(error: &StoreError) -> bool {
    use StoreErrorKind as Kind;
    error.is_retryable()
        || matches!(error.kind(), Kind::BadAddress | Kind::NotFound | Kind::NotWritable | Kind::Newer | Kind::Full | Kind::Io)
}
