//! One log of a cache: a file to which many processes append records, and what this process has read of it.
//!
//! Each record is appended with one write, under a lock that others share; only who writes the log anew holds it alone. A
//! process that finds its file unlinked opens the one in its place, so nothing is appended to a file that nobody reads.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::record::{self, Kind, Record, Step};
use crate::cache::Entry;
use crate::value::KeyDigest;

/// A log and what is known of it.
pub(super) struct Log {
    path: PathBuf,
    open: Option<Open>,
}

/// What a log says of a signature.
pub(super) enum Answer {
    Entry(Entry, Place),
    Nothing,
    /// The newest record of it is damaged.
    Damaged,
}

/// Where an entry's record is, and when the entry was last used as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    offset: u64,
    length: usize,
    stored_unix_ns: i64,
    pub(super) used_unix_ns: i64,
}

struct Open {
    file: File,
    read_to: u64,
    known: Known,
}

/// What the records read so far come to.
#[derive(Default)]
pub(super) struct Known {
    pub(super) places: HashMap<KeyDigest, Place>,
    damaged: HashSet<KeyDigest>,
    /// How many places of the log are damaged.
    pub(super) damages: u64,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// Looks for an entry, after reading what was appended since the last time.
    pub(super) fn get(&mut self, signature: &KeyDigest) -> io::Result<Answer> {
        let Some(open) = self.refreshed()? else { return Ok(Answer::Nothing) };
        let Some(place) = open.known.places.get(signature).copied() else {
            return Ok(if open.known.damaged.contains(signature) { Answer::Damaged } else { Answer::Nothing });
        };
        let mut bytes = vec![0; place.length];
        open.file.read_exact_at(&mut bytes, place.offset)?;
        let entry = match record::read(&bytes, 0) {
            Step::Record(record, _) if record.signature == *signature => record::read_entry(record.body),
            _ => None,
        };
        match entry {
            Some(entry) => Ok(Answer::Entry(entry, place)),
            None => {
                open.known.places.remove(signature);
                open.known.damaged.insert(*signature);
                Ok(Answer::Damaged)
            }
        }
    }

    /// Notes that an entry was used, for this process.
    pub(super) fn note_use(&mut self, signature: &KeyDigest, used_unix_ns: i64) {
        if let Some(place) = self.open.as_mut().and_then(|open| open.known.places.get_mut(signature)) {
            place.used_unix_ns = used_unix_ns;
        }
    }

    /// Appends a record.
    pub(super) fn append(&mut self, kind: Kind, signature: &KeyDigest, body: &[u8]) -> io::Result<()> {
        let record = record::write(kind, signature, body);
        loop {
            let Some(open) = self.opened(true)? else { continue };
            open.file.lock_shared()?;
            let written = match open.file.metadata() {
                Ok(metadata) if metadata.nlink() == 0 => None,
                Ok(_) => Some((&open.file).write_all(&record)),
                Err(error) => Some(Err(error)),
            };
            open.file.unlock()?;
            match written {
                Some(written) => return written,
                None => self.open = None,
            }
        }
    }

    /// Writes the log anew with only those entries for which `keeps` says yes; returns how many bytes it became shorter.
    pub(super) fn rewrite(&mut self, keeps: impl Fn(&KeyDigest) -> bool) -> io::Result<u64> {
        self.open = None;
        let Some(open) = self.opened(false)? else { return Ok(0) };
        open.file.lock()?;
        // The file must still be the one at its place, and all of it is read while nobody appends.
        let (file, before) = (open.file.try_clone()?, open.file.metadata()?);
        let freed = if before.nlink() == 0 { Ok(0) } else { self.rewrite_locked(before.len(), keeps) };
        self.open = None;
        file.unlock()?;
        freed
    }

    fn rewrite_locked(&mut self, before: u64, keeps: impl Fn(&KeyDigest) -> bool) -> io::Result<u64> {
        let Some(open) = self.refreshed()? else { return Ok(0) };
        let mut kept: Vec<(&KeyDigest, &Place)> = open.known.places.iter().filter(|(signature, _)| keeps(signature)).collect();
        let kept_bytes: u64 = kept.iter().map(|(_, place)| place.length()).sum();
        if kept.len() == open.known.places.len() && kept_bytes.saturating_mul(2) > before {
            return Ok(0);
        }
        kept.sort_unstable_by_key(|(_, place)| place.offset);
        let mut bytes = Vec::new();
        for (signature, place) in kept {
            let start = bytes.len();
            bytes.resize(start + place.length, 0);
            open.file.read_exact_at(&mut bytes[start..], place.offset)?;
            if place.used_unix_ns != place.stored_unix_ns {
                bytes.extend(record::write(Kind::Used, signature, &place.used_unix_ns.to_le_bytes()));
            }
        }
        let after = bytes.len() as u64;
        if bytes.is_empty() {
            fs::remove_file(&self.path)?;
        } else {
            let temporary = self.path.with_extension(format!("{}.tmp", std::process::id()));
            fs::write(&temporary, &bytes)?;
            fs::rename(&temporary, &self.path)?;
        }
        Ok(before.saturating_sub(after))
    }

    /// Reads all entries, without their inline values: each with its record's place.
    pub(super) fn entries(&mut self) -> io::Result<Vec<(KeyDigest, Entry, Place)>> {
        let Some(open) = self.refreshed()? else { return Ok(Vec::new()) };
        let signatures: Vec<KeyDigest> = open.known.places.keys().copied().collect();
        let mut entries = Vec::with_capacity(signatures.len());
        for signature in signatures {
            if let Answer::Entry(mut entry, place) = self.get(&signature)? {
                entry.outputs.iter_mut().for_each(|output| output.inline = None);
                entries.push((signature, entry, place));
            }
        }
        Ok(entries)
    }

    /// Returns the log's length and how many of its places are damaged.
    pub(super) fn state(&mut self) -> io::Result<(u64, u64)> {
        Ok(self.refreshed()?.map_or((0, 0), |open| (open.read_to, open.known.damages)))
    }

    /// Reads what was appended since the last time, by whomever.
    fn refreshed(&mut self) -> io::Result<Option<&mut Open>> {
        let Some(open) = self.opened(false)? else { return Ok(None) };
        let mut metadata = open.file.metadata()?;
        if metadata.nlink() == 0 || metadata.len() < open.read_to {
            self.open = None;
            let Some(open) = self.opened(false)? else { return Ok(None) };
            metadata = open.file.metadata()?;
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        if metadata.len() > open.read_to {
            open.read(metadata.len())?;
        }
        Ok(Some(open))
    }

    fn opened(&mut self, create: bool) -> io::Result<Option<&mut Open>> {
        if self.open.is_none() {
            self.open = open(&self.path, create)?.map(|file| Open { file, read_to: 0, known: Known::default() });
        }
        Ok(self.open.as_mut())
    }
}

impl Place {
    pub(super) fn length(&self) -> u64 {
        self.length as u64
    }
}

impl Open {
    fn read(&mut self, to: u64) -> io::Result<()> {
        let length = usize::try_from(to - self.read_to).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, self.read_to)?;
        let read = self.known.read(&bytes, self.read_to);
        self.read_to += read as u64;
        Ok(())
    }
}

impl Known {
    /// Takes in bytes of a log that stand at an offset; returns up to where they have been understood.
    pub(super) fn read(&mut self, bytes: &[u8], offset: u64) -> usize {
        let mut at = 0;
        loop {
            match record::read(bytes, at) {
                Step::Record(record, next) => {
                    self.take(&record, offset + at as u64, next - at);
                    at = next;
                }
                Step::Damage(signature, next) => {
                    self.damages += 1;
                    // An earlier record of the same signature is as good.
                    self.damaged.extend(signature.filter(|signature| !self.places.contains_key(signature)));
                    at = next;
                }
                Step::End => return at,
            }
        }
    }

    fn take(&mut self, record: &Record<'_>, offset: u64, length: usize) {
        let time = || record.body.first_chunk().map_or(0, |time| i64::from_le_bytes(*time));
        match record.kind {
            Kind::Entry => {
                self.damaged.remove(&record.signature);
                let stored_unix_ns = time();
                self.places.insert(record.signature, Place { offset, length, stored_unix_ns, used_unix_ns: stored_unix_ns });
            }
            Kind::Used => {
                if let Some(place) = self.places.get_mut(&record.signature) {
                    place.used_unix_ns = place.used_unix_ns.max(time());
                }
            }
            Kind::Removed => {
                self.damaged.remove(&record.signature);
                self.places.remove(&record.signature);
            }
        }
    }
}

fn open(path: &Path, create: bool) -> io::Result<Option<File>> {
    let open = || File::options().read(true).append(true).create(create).open(path);
    let opened = open().or_else(|error| match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(folder)) if create => {
            fs::create_dir_all(folder)?;
            open()
        }
        _ => Err(error),
    });
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !create => Ok(None),
        Err(error) => Err(error),
    }
}
