//! `flowglass store`: what a store is like, whether it is whole, and how to bring it up to date.

mod arguments;
mod check;
mod info;
mod migrate;

use std::process::ExitCode;

pub(crate) use self::arguments::StoreArguments;
use self::arguments::StoreVerb;
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) fn run(arguments: &StoreArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    match &arguments.verb {
        StoreVerb::Info(place) => info::run(place, printer),
        StoreVerb::Check(place) => check::run(place, printer),
        StoreVerb::Migrate(place) => migrate::run(place, printer),
    }
}
