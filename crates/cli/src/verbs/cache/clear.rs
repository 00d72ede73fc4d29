//! `flowglass cache clear`: removes everything, after asking.

use std::io::{self, BufRead, IsTerminal};

use flowglass::DiskCache;

use super::arguments::ClearArguments;
use super::prune::say;
use crate::failure::Failure;
use crate::printer::Printer;

pub(super) fn run(arguments: &ClearArguments, printer: &mut Printer) -> Result<(), Failure> {
    let cache = arguments.place.open()?;
    if !arguments.yes {
        confirm(&cache, printer)?;
    }
    say(&cache.clear().map_err(Failure::usage)?, arguments.place.json, printer)
}

fn confirm(cache: &DiskCache, printer: &mut Printer) -> Result<(), Failure> {
    let folder = cache.folder().display();
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("nothing is removed from `{folder}` without being asked for: add `--yes`")));
    }
    let entries = cache.stats().map_err(Failure::usage)?.entries;
    printer.note(&format!("Remove all {entries} entries of `{folder}`? [y/N]"));
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" if read.is_ok() => Ok(()),
        _ => Err(Failure::usage("nothing was removed")),
    }
}
