//! Which cache is meant.

use std::path::PathBuf;

use flowglass::DiskCache;
use flowglass::cache::DiskEntry;
use flowglass::model::nearest::nearest;

use super::arguments::PlaceArguments;
use crate::configuration;
use crate::failure::Failure;

impl PlaceArguments {
    /// Opens the cache, which must be there.
    pub(super) fn open(&self) -> Result<DiskCache, Failure> {
        let folder = self.folder()?;
        if !folder.join("format").is_file() {
            let folder = folder.display();
            return Err(Failure::usage(format!(
                "there is no cache in `{folder}`: `flowglass run` makes one; `--cache PATH` names another"
            )));
        }
        DiskCache::open(folder).map_err(Failure::usage)
    }

    fn folder(&self) -> Result<PathBuf, Failure> {
        match &self.cache {
            Some(folder) => Ok(folder.clone()),
            None => match configuration::load()?.text("run.cache").filter(|folder| folder != "off") {
                Some(folder) if !self.store.is_named() => Ok(folder.into()),
                _ => self.store.location()?.cache(),
            },
        }
    }
}

/// The entries of a node, which is named by its name or its path; the newest first.
pub(super) fn of_node<'a>(entries: &'a [DiskEntry], node: &str) -> Result<Vec<&'a DiskEntry>, Failure> {
    let found: Vec<&DiskEntry> = entries.iter().filter(|entry| is_node(&entry.entry.path, node)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = || entries.iter().flat_map(|entry| [name_of(&entry.entry.path), &entry.entry.path]);
    let hint = nearest(node, names()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Err(Failure::usage(format!("the cache has no entry of a node `{node}`{hint}")))
}

/// Says whether a path is that of a node with this name or path.
pub(super) fn is_node(path: &str, node: &str) -> bool {
    path == node || path.strip_suffix(node).is_some_and(|before| before.ends_with(" > "))
}

fn name_of(path: &str) -> &str {
    path.rsplit(" > ").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_name_and_by_the_end_of_its_path() {
        assert!(is_node("a > b > c", "c") && is_node("a > b > c", "b > c") && is_node("a > b > c", "a > b > c"));
        assert!(!is_node("a > b > cc", "c") && !is_node("a > b > c", "b"));
    }
}
