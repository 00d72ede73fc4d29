//! `flowglass cache`: what lies in the cache, why a node was computed, and how to make room.

mod arguments;
mod clear;
mod explain;
mod list;
mod place;
mod prune;
mod stats;
mod when;

use std::process::ExitCode;

pub(crate) use self::arguments::CacheArguments;
use self::arguments::CacheVerb;
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) fn run(arguments: &CacheArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    match &arguments.verb {
        CacheVerb::Stats(stats) => stats::run(stats, printer),
        CacheVerb::List(list) => list::run(list, printer),
        CacheVerb::Explain(explain) => explain::run(explain, printer),
        CacheVerb::Prune(prune) => prune::run(prune, printer),
        CacheVerb::Clear(clear) => clear::run(clear, printer),
    }?;
    Ok(ExitCode::SUCCESS)
}
