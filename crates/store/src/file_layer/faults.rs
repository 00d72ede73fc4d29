//! Faults on purpose, for tests: the next so-and-so-many writes and flushes below a folder succeed, and then one or all fail.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::ffi;

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One call fails, and those after it work again.
    Once,
    /// From this call on nothing is written any more, as on a disk that is gone.
    FromNowOn,
    /// From this call on there is no room any more.
    NoRoom,
}

/// The faults below one folder: tests with folders of their own don't disturb each other.
#[derive(Debug)]
pub(crate) struct Faults {
    folder: PathBuf,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    calls: u64,
    fault: Option<(u64, Fault)>,
    hit: bool,
}

static ALL: Mutex<Vec<Arc<Faults>>> = Mutex::new(Vec::new());

impl Faults {
    /// Begins to count the calls for files below a folder.
    pub(crate) fn below(folder: &Path) -> Arc<Self> {
        let faults = Arc::new(Self { folder: folder.to_owned(), plan: Mutex::default() });
        ALL.lock().push(Arc::clone(&faults));
        faults
    }

    /// Counts from the start, and lets the call with this number fail, the first being 0.
    pub(crate) fn fail(&self, call: u64, fault: Fault) {
        *self.plan.lock() = Plan { fault: Some((call, fault)), ..Plan::default() };
    }

    /// Lets all calls work from now on; returns how many there were and whether one failed.
    pub(crate) fn heal(&self) -> (u64, bool) {
        let plan = std::mem::take(&mut *self.plan.lock());
        (plan.calls, plan.hit)
    }

    /// Ends the counting when a test ends.
    pub(crate) fn forget(self: &Arc<Self>) {
        ALL.lock().retain(|faults| !Arc::ptr_eq(faults, self));
    }

    /// Counts a call; returns the code with which it is to fail.
    pub(super) fn next(&self, otherwise: i32) -> Option<i32> {
        let mut plan = self.plan.lock();
        let number = plan.calls;
        plan.calls += 1;
        let code = match plan.fault? {
            (at, Fault::Once) if number == at => otherwise,
            (at, Fault::FromNowOn) if number >= at => otherwise,
            (at, Fault::NoRoom) if number >= at => ffi::SQLITE_FULL,
            _ => return None,
        };
        plan.hit = true;
        Some(code)
    }
}

/// Returns the faults of a file's folder.
pub(super) fn of(path: &Path) -> Option<Arc<Faults>> {
    let all = ALL.lock();
    all.iter().find(|faults| path.starts_with(&faults.folder)).cloned()
}
