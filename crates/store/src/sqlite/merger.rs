//! Who merges and when: a thread of each sink, of which one at a time, over all processes, holds the lease.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rusqlite::Connection;

use super::choice::{Eagerness, FAN_IN};
use super::connection::open_writer;
use super::lock::LockFolder;
use super::merge::{self, Turns};
use super::sink::LAST_WAIT;
use super::{retention, rollups};
use crate::{RetentionPolicy, StoreError, StoreErrorKind};

/// After so long without a commit, small segments are merged although there are few.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// So many pages are given back to the file system at once.
const PAGES_AT_ONCE: u32 = 1024;

/// Merges in the background.
///
/// The thread is started by the commit that makes a merge worth while: most programs are done before. Where merging fails, it
/// is tried again after as many commits: nothing is lost by segments that stay small, and questions only take longer.
pub(super) struct Merger {
    path: PathBuf,
    locks: LockFolder,
    retention: Option<Arc<RetentionPolicy>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    commits: usize,
}

#[derive(Default)]
struct Shared {
    news: Mutex<News>,
    told: Condvar,
    turn: Mutex<()>,
}

#[derive(Default)]
struct News {
    /// A full set may be there.
    full: bool,
    /// Something was committed since the last look.
    any: bool,
    stop: bool,
}

impl Merger {
    pub(super) fn new(path: &Path, locks: &LockFolder, retention: Option<RetentionPolicy>) -> Self {
        let (path, locks, retention) = (path.to_owned(), locks.clone(), retention.map(Arc::new));
        Self { path, locks, retention, shared: Arc::default(), thread: None, commits: 0 }
    }

    /// Waits for the sink's turn to write.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.shared.turn.lock()
    }

    /// Notes that so many segments were committed.
    pub(super) fn committed(&mut self, segments: usize) {
        self.commits += segments;
        let full = self.commits >= FAN_IN;
        if full {
            self.commits = 0;
        }
        let mut news = self.shared.news.lock();
        news.any = true;
        news.full |= full;
        drop(news);
        if full {
            self.shared.told.notify_one();
            self.start();
        }
    }

    fn start(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let place = Place { path: self.path.clone(), locks: self.locks.clone(), retention: self.retention.clone() };
        let work = move || work(&place, &shared);
        // Without a thread nothing is merged here; the next process does.
        self.thread = thread::Builder::new().name("flowglass-merge".to_owned()).spawn(work).ok();
    }

    /// Ends the thread, then takes one step on the sink's own connection, because processes may be too short to fill a set, and brings
    /// the roll-ups up to date. What is to be forgotten is forgotten, if nobody did for an hour.
    pub(super) fn finish(&mut self, connection: &mut Connection) {
        self.stop();
        let (merges, policy) = (merge::is_due(connection), self.retention.clone());
        let policy = policy.filter(|_| retention::is_due(connection).unwrap_or(false));
        if let Ok(Some(_lease)) = self.locks.lease() {
            // Where this fails, the next process does it.
            let mut turns = Turns { connection, turn: &self.shared.turn, stops: merge::NEVER };
            if merges {
                let _ = merge::step(&mut turns, Eagerness::AtEnd);
            }
            let _ = rollups::take_up(&mut turns, Eagerness::AtEnd);
            if let Some(policy) = policy {
                let _ = retention::retain_if_due(&mut turns, &self.locks, &policy);
            }
        }
    }

    fn stop(&mut self) {
        self.shared.news.lock().stop = true;
        self.shared.told.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Merger {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Where the thread works, and what it forgets.
struct Place {
    path: PathBuf,
    locks: LockFolder,
    retention: Option<Arc<RetentionPolicy>>,
}

fn work(place: &Place, shared: &Shared) {
    let mut connection = None;
    while let Some(eagerness) = shared.wait() {
        let failed = merge_some(place, shared, &mut connection, eagerness).is_err();
        if failed {
            connection = None;
        }
    }
}

impl Shared {
    /// Waits until there may be something to merge; nothing if the sink ends.
    fn wait(&self) -> Option<Eagerness> {
        let mut news = self.news.lock();
        loop {
            if news.stop {
                return None;
            }
            if std::mem::take(&mut news.full) {
                return Some(Eagerness::Full);
            }
            let in_time = !self.told.wait_for(&mut news, IDLE_AFTER).timed_out();
            if !in_time && std::mem::take(&mut news.any) {
                return Some(Eagerness::Idle);
            }
        }
    }

    fn stops(&self) -> bool {
        self.news.lock().stop
    }
}

fn merge_some(
    place: &Place,
    shared: &Shared,
    connection: &mut Option<Connection>,
    eagerness: Eagerness,
) -> Result<(), StoreError> {
    let Place { path, locks, retention } = place;
    let Some(_lease) = locks.lease()? else { return Ok(()) };
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(open(path)?),
    };
    let stops = || shared.stops();
    let mut turns = Turns { connection, turn: &shared.turn, stops: &stops };
    while !shared.stops() && merge::step(&mut turns, eagerness).map_err(|failure| failure.at(path, "merge segments of"))? {}
    if let Some(policy) = retention {
        retention::retain_if_due(&mut turns, locks, policy).map_err(|failure| failure.at(path, "forget runs of"))?;
    }
    if eagerness == Eagerness::Idle { give_back(path, connection, PAGES_AT_ONCE) } else { Ok(()) }
}

/// Opens a connection that merges.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_writer(path)?;
    // A merge that a power cut undoes is made again: only the writer's own commits need a flush.
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(|error| StoreError::sqlite(path, "open", error))?;
    Ok(connection)
}

fn give_back(path: &Path, connection: &Connection, pages: u32) -> Result<(), StoreError> {
    let vacuum = || {
        let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
        Ok(())
    };
    vacuum().map_err(|error| StoreError::sqlite(path, "shrink", error))
}

/// Merges until there is nothing left to merge, then gives all unused pages back to the file system.
pub(super) fn compact(path: &Path, locks: &LockFolder) -> Result<(), StoreError> {
    drop(locks.enter()?);
    let Some(_lease) = locks.lease()? else {
        let message = format!("another process is merging segments of {}; try again", path.display());
        return Err(StoreError::new(StoreErrorKind::Busy, message));
    };
    let mut connection = open(path)?;
    let failed = |failure: super::failure::Failure| failure.at(path, "merge segments of");
    let mut turns = Turns { connection: &mut connection, turn: &Mutex::default(), stops: merge::NEVER };
    for eagerness in [Eagerness::Full, Eagerness::Whole] {
        while merge::step(&mut turns, eagerness).map_err(failed)? {}
    }
    give_back_all(path, &connection)
}

/// Gives all unused pages back to the file system, some at a time, so that writers never wait long, and empties the log unless
/// somebody reads an earlier state.
pub(super) fn give_back_all(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let unused = || connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
    let failed = |error| StoreError::sqlite(path, "shrink", error);
    let mut left = i64::MAX;
    // A file that was rebuilt by others may not be able to shrink.
    while let now @ 1.. = unused().map_err(failed)?
        && now < left
    {
        left = now;
        give_back(path, connection, PAGES_AT_ONCE)?;
    }
    connection.busy_timeout(LAST_WAIT).map_err(failed)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}
