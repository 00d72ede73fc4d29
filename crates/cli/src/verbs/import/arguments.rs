//! What can be said after `flowglass import`.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::StoreArgument;

#[derive(Args)]
pub(crate) struct ImportArguments {
    /// What `export --to jsonl` or `export --to otlp-json` wrote, or a file of OTLP's JSON from elsewhere, such as OpenTelemetry's
    /// collector writes; `-` is standard input. What is in the store already is not added again, and a file that is wrong
    /// somewhere changes nothing.
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) store: StoreArgument,
}
