//! The listing of a folder: what stands for its content.

use std::fs::FileType;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{ContentKey, mtime_ns, too_many};
use crate::error::Error;

/// The most files and folders that are listed for one value.
pub const MOST_ENTRIES: usize = 200_000;
/// Our own folder changes with every run.
const OWN_FOLDER: &str = ".flowglass";

impl ContentKey<'_> {
    /// Returns the digest of a folder's recursive listing: names, sizes and times.
    pub(super) fn listing(&self, folder: &Path) -> Result<[u8; 32], Error> {
        let mut listing = blake3::Hasher::new();
        for entry in self.entries(folder, usize::MAX, MOST_ENTRIES)? {
            let name = entry.strip_prefix(folder).unwrap_or(&entry).as_os_str().as_bytes();
            listing.update(&(name.len() as u64).to_le_bytes()).update(name).update(look(&entry).as_bytes());
        }
        Ok(listing.finalize().into())
    }

    /// Returns everything in a folder and so many levels (1: in itself alone), sorted; links are listed, not followed.
    pub(super) fn entries(&self, folder: &Path, depth: usize, most: usize) -> Result<Vec<PathBuf>, Error> {
        let mut found = Vec::new();
        let mut folders = vec![(folder.to_owned(), 1)];
        while let Some((next, level)) = folders.pop() {
            for (path, kind) in self.children(&next) {
                if kind.is_dir() && level < depth {
                    folders.push((path.clone(), level + 1));
                }
                found.push(path);
                if found.len() > most {
                    return Err(too_many(folder));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// What can't be read is as good as not there: the command can't read it either.
    fn children(&self, folder: &Path) -> Vec<(PathBuf, FileType)> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let entries = entries.flatten().filter(|entry| entry.file_name() != OWN_FOLDER);
        let typed = entries.filter_map(|entry| Some((entry.path(), entry.file_type().ok()?)));
        typed.filter(|(path, _)| !self.is_ignored(path)).take(MOST_ENTRIES + 1).collect()
    }
}

/// Returns what one entry looks like from outside. A folder is its entries; a link is where it leads and what is there.
fn look(path: &Path) -> String {
    let Ok(own) = path.symlink_metadata() else { return "gone".into() };
    if own.is_dir() {
        return "folder".into();
    }
    if !own.is_symlink() {
        return format!("file {} {}", own.size(), mtime_ns(&own));
    }
    let target = std::fs::read_link(path).unwrap_or_default();
    let there = path.metadata().ok().filter(|there| there.is_file());
    let there = there.map(|there| format!("{} {}", there.size(), mtime_ns(&there))).unwrap_or_default();
    format!("link {}\0{there}", target.display())
}
