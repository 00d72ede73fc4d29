//! What a sink was given and the server has not: while the server is away, batches wait in a folder, in their order, and a thread brings
//! them when it is back.
//!
//! A batch is taken for good when it is on the server or in the folder. Whoever gives batches never waits for a server that is away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowglass_spool::{Frame, Spool, WhenFull};
use parking_lot::{Condvar, Mutex, MutexGuard};

use super::commit::{Committer, Written};
use super::link::Link;
use crate::block::{FrameDecoder, FrameEncoder};
use crate::hash::hash;
use crate::{StoreError, StoreErrorKind, spooled};

/// So many batches are brought in one transaction.
const AT_ONCE: usize = 16;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a sink that ends goes on bringing what waits. The rest is brought by the next one.
const LAST_MINUTE: Duration = Duration::from_secs(10);

/// Batches on their way to the server.
pub(super) struct Backlog {
    link: Arc<Link>,
    /// The number of the sink that gives the batches.
    sink: i64,
    committer: Mutex<Committer>,
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// Nothing until something has to wait.
    spool: Option<Spool>,
    carrier: Option<JoinHandle<()>>,
    is_ending: bool,
}

impl State {
    fn waits(&self) -> bool {
        self.spool.as_ref().is_some_and(|spool| !spool.is_empty())
    }
}

impl Backlog {
    /// Begins with what other processes left in the folder, if there is one.
    pub(super) fn open(link: &Arc<Link>, committer: Committer, sink: i64) -> Arc<Self> {
        let backlog = Arc::new(Self {
            link: Arc::clone(link),
            sink,
            committer: Mutex::new(committer),
            state: Mutex::default(),
            news: Condvar::new(),
        });
        if folder(link).is_some_and(|folder| folder.is_dir()) {
            let mut state = backlog.state.lock();
            // What can't be opened now is tried again when something has to wait.
            if backlog.open_spool(&mut state).is_ok() && state.waits() {
                backlog.start_carrier(&mut state);
            }
        }
        backlog
    }

    /// Takes all of these batches, or none.
    pub(super) fn take(self: &Arc<Self>, batches: &[Written]) -> Result<(), StoreError> {
        let state = self.state.lock();
        if state.waits() {
            // They come behind what came before.
            return self.keep(state, batches);
        }
        drop(state);
        match self.committer.lock().commit(batches) {
            Err(error) if error.is_retryable() && self.link.options.spool.is_some() => self.keep(self.state.lock(), batches),
            committed => committed,
        }
    }

    /// Ends a sink: brings what it can, and says that the sink has ended.
    pub(super) fn end(&self) {
        let carrier = {
            let mut state = self.state.lock();
            state.is_ending = true;
            state.carrier.take()
        };
        self.news.notify_all();
        if let Some(carrier) = carrier {
            let _ = carrier.join();
        }
        // Where this fails, the sink falls silent, and is taken for dead a little later.
        let _ = self.committer.lock().end(self.sink);
    }

    /// Puts batches into the folder.
    fn keep(self: &Arc<Self>, mut state: MutexGuard<'_, State>, batches: &[Written]) -> Result<(), StoreError> {
        let kept = self.open_spool(&mut state).and_then(|()| {
            let mut encoder = FrameEncoder::new()?;
            let spool = state.spool.as_mut().ok_or(std::io::ErrorKind::NotFound)?;
            for Written { batch, sink, .. } in batches {
                spool.push(spooled::items(batch), &spooled::encode(batch, *sink, &mut encoder)?)?;
            }
            spool.flush()
        });
        self.start_carrier(&mut state);
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

    fn start_carrier(self: &Arc<Self>, state: &mut State) {
        if state.carrier.is_none() && !state.is_ending {
            let backlog = Arc::clone(self);
            // Without the thread, things wait until the next process.
            state.carrier = thread::Builder::new().name("flowglass-pg-spool".to_owned()).spawn(move || backlog.carry()).ok();
        }
        self.news.notify_all();
    }

    /// Brings what waits, as often as something does, until the sink ends.
    fn carry(&self) {
        let mut wait = FIRST_WAIT;
        let mut last: Option<Instant> = None;
        loop {
            let (frames, is_ending) = self.next();
            let overdue = is_ending && *last.get_or_insert_with(|| Instant::now() + LAST_MINUTE) < Instant::now();
            if is_ending && (frames.is_empty() || overdue) {
                return;
            }
            match self.bring(&frames) {
                Ok(()) => wait = FIRST_WAIT,
                // There is no time to wait for.
                Err(_) if is_ending => return,
                Err(_) => {
                    self.pause(wait);
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    /// Returns the first frames that wait, as soon as there are some; none at the end. Says also whether the sink is ending.
    fn next(&self) -> (Vec<Frame>, bool) {
        let mut state = self.state.lock();
        while !state.waits() && !state.is_ending {
            self.news.wait(&mut state);
        }
        let frames = state.spool.as_mut().map(|spool| spool.lend(AT_ONCE)).unwrap_or_default();
        (frames, state.is_ending)
    }

    /// Brings frames, all in one transaction; one by one where something is wrong with some.
    fn bring(&self, frames: &[Frame]) -> Result<(), StoreError> {
        match self.commit(frames) {
            Ok(()) => {
                self.with_spool(|spool| spool.arrived(frames.len()));
                Ok(())
            }
            Err(error) if error.is_retryable() => Err(error),
            Err(_) => frames.iter().try_for_each(|frame| self.bring_one(frame)),
        }
    }

    fn bring_one(&self, frame: &Frame) -> Result<(), StoreError> {
        let brought = self.commit(std::slice::from_ref(frame));
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

    fn commit(&self, frames: &[Frame]) -> Result<(), StoreError> {
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
        let mut committer = self.committer.lock();
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
