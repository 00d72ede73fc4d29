//! What can be said after `flowglass store`.

use clap::{Args, Subcommand};

use crate::arguments::StoreArgument;

#[derive(Args)]
pub(crate) struct StoreArguments {
    #[command(subcommand)]
    pub(super) verb: StoreVerb,
}

#[derive(Subcommand)]
pub(super) enum StoreVerb {
    /// Say where the store is, how large, what is in it, and who writes to it.
    Info(PlaceArguments),
    /// Read all of it, and say what is damaged; exit code 1 if something is.
    Check(PlaceArguments),
    /// Bring a store that an older version made up to the format of this one. One that a newer version made is left as it is.
    Migrate(PlaceArguments),
}

#[derive(Args)]
pub(super) struct PlaceArguments {
    #[command(flatten)]
    pub(super) store: StoreArgument,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}
