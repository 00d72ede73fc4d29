//! Power cuts, for tests: what is done to the files below a folder is noted, and at any moment the files can be had as a disk may
//! have them that lost its power just then. What was flushed is there; of what came after, any part, in any order, some of it
//! torn. A file that was deleted may be back, unless its folder was flushed since.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

/// What a disk writes at once, in bytes.
const SECTOR_BYTES: usize = 512;

/// What was done to the files below one folder, in order.
#[derive(Debug)]
pub(crate) struct Journal {
    folder: PathBuf,
    done: Mutex<Vec<(PathBuf, Deed)>>,
}

#[derive(Debug, Clone)]
pub(super) enum Deed {
    Write(u64, Vec<u8>),
    Truncate(u64),
    Flush,
    Delete { for_certain: bool },
}

static ALL: Mutex<Vec<Arc<Journal>>> = Mutex::new(Vec::new());

impl Journal {
    /// Begins to note what is done to the files below a folder, of which none is there yet.
    pub(crate) fn below(folder: &Path) -> Arc<Self> {
        let journal = Arc::new(Self { folder: folder.to_owned(), done: Mutex::default() });
        ALL.lock().push(Arc::clone(&journal));
        journal
    }

    /// Ends that when a test ends.
    pub(crate) fn forget(self: &Arc<Self>) {
        ALL.lock().retain(|journal| !Arc::ptr_eq(journal, self));
    }

    /// Returns how much was done so far: a moment.
    pub(crate) fn now(&self) -> usize {
        self.done.lock().len()
    }

    pub(super) fn note(&self, path: &Path, deed: Deed) {
        self.done.lock().push((path.to_owned(), deed));
    }

    /// Puts the files into another folder as a power cut at a moment may leave them.
    pub(crate) fn cut(&self, moment: usize, seed: u64, into: &Path) {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut folder = Folder::default();
        self.done.lock().iter().take(moment).for_each(|(path, deed)| folder.take(path, deed));
        for (path, disk) in folder.files {
            if let Some(content) = disk.cut(&mut chance) {
                let name = path.file_name().unwrap_or_default();
                std::fs::write(into.join(name), content).expect("a test's folder can be written");
            }
        }
    }
}

#[derive(Default)]
struct Folder {
    files: BTreeMap<PathBuf, Disk>,
}

impl Folder {
    fn take(&mut self, path: &Path, deed: &Deed) {
        let disk = self.files.entry(path.to_owned()).or_default();
        let flushes_folder = match deed {
            // SQLite flushes the folder with the first flush of a new log or journal.
            Deed::Flush => !std::mem::replace(&mut disk.flushed, true) && disk.certain.is_none(),
            Deed::Delete { for_certain } => {
                disk.flushed = false;
                *for_certain
            }
            Deed::Write(..) | Deed::Truncate(_) => false,
        };
        disk.take(deed);
        if flushes_folder {
            self.files.values_mut().for_each(Disk::be_gone_for_certain);
        }
    }
}

/// One file: what is on the disk for certain, and what is on its way.
#[derive(Default)]
struct Disk {
    /// Nothing, if there is no such file.
    certain: Option<Vec<u8>>,
    waiting: Vec<Deed>,
    /// Whether it was flushed since it was made.
    flushed: bool,
}

impl Disk {
    fn take(&mut self, deed: &Deed) {
        match deed {
            Deed::Flush => {
                self.be_gone_for_certain();
                let content = self.certain.get_or_insert_default();
                self.waiting.drain(..).for_each(|deed| apply(content, &deed));
            }
            deed => self.waiting.push(deed.clone()),
        }
    }

    fn be_gone_for_certain(&mut self) {
        let is_delete = |deed: &Deed| matches!(deed, Deed::Delete { .. });
        if let Some(last) = self.waiting.iter().rposition(is_delete) {
            self.waiting.drain(..=last);
            self.certain = None;
        }
    }

    fn cut(mut self, chance: &mut fastrand::Rng) -> Option<Vec<u8>> {
        let mut lives: Vec<Vec<Deed>> = vec![Vec::new()];
        for deed in self.waiting {
            match deed {
                Deed::Delete { .. } => lives.push(Vec::new()),
                deed => lives.last_mut().expect("there is one").push(deed),
            }
        }
        // A folder's changes come to the disk in their order.
        let life = chance.usize(0..lives.len());
        if life > 0 {
            self.certain = None;
        }
        let mut waiting = lives.swap_remove(life);
        if self.certain.is_none() && (waiting.is_empty() || chance.bool()) {
            return None;
        }
        let mut content = self.certain.unwrap_or_default();
        chance.shuffle(&mut waiting);
        for mut deed in waiting {
            tear(&mut deed, chance);
            if chance.bool() {
                apply(&mut content, &deed);
            }
        }
        Some(content)
    }
}

fn tear(deed: &mut Deed, chance: &mut fastrand::Rng) {
    if let Deed::Write(_, bytes) = deed
        && chance.u8(0..4) == 0
    {
        bytes.truncate(chance.usize(0..=bytes.len() / SECTOR_BYTES) * SECTOR_BYTES);
    }
}

fn apply(bytes: &mut Vec<u8>, deed: &Deed) {
    let place = |at: u64| usize::try_from(at).expect("a test's files are small");
    match deed {
        Deed::Write(at, written) => {
            let end = place(*at) + written.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[place(*at)..end].copy_from_slice(written);
        }
        Deed::Truncate(size) => bytes.resize(place(*size), 0),
        Deed::Flush | Deed::Delete { .. } => {}
    }
}

/// Returns the journal of a file's folder.
pub(super) fn of(path: &Path) -> Option<Arc<Journal>> {
    let all = ALL.lock();
    all.iter().find(|journal| path.starts_with(&journal.folder)).cloned()
}
