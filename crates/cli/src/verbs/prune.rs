//! `flowglass prune`: forgets old runs, and keeps what was counted of them.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use flowglass::model::Status;
use flowglass::store::{Forgotten, RetentionPolicy};
use flowglass::term::quantity;
use serde_json::json;

use super::{duration, size};
use crate::arguments::StoreArgument;
use crate::configuration;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PruneArguments {
    /// Forget runs that began longer ago than this: `30d`, `12h`.
    #[arg(long, value_name = "AGE", value_parser = duration)]
    older_than: Option<Duration>,
    /// Forget the oldest runs until the store is no larger than this: `1GB`, `500MB`.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    max_size: Option<u64>,
    /// Forget all but so many of the newest runs; with an age or a size: keep so many whatever these say.
    #[arg(long, value_name = "N")]
    keep_last: Option<u64>,
    /// Forget only runs with this status (several with commas): ok, error, cancelled, interrupted.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<String>,
    /// Say what would be forgotten, and forget nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgument,
}

const EXAMPLES: &str = "\
Whole runs are forgotten, and none that is running. What was counted of them stays: `flowglass sql \"SELECT … FROM rollups\"`.

Examples:
  flowglass prune --older-than 30d
  flowglass prune --older-than 7d --status ok   keep what failed
  flowglass prune --max-size 1GB --dry-run";

pub(crate) fn run(arguments: &PruneArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let store = arguments.store.any()?;
    let policy = policy(arguments)?;
    let forgotten = if arguments.dry_run { store.preview_retain(&policy)? } else { store.retain(&policy)? };
    let text = if arguments.json { object(&forgotten, arguments.dry_run) } else { said(&forgotten, arguments.dry_run) };
    printer.data(None, text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn policy(arguments: &PruneArguments) -> Result<RetentionPolicy, Failure> {
    if arguments.older_than.is_none() && arguments.max_size.is_none() && arguments.keep_last.is_none() {
        return configured(arguments);
    }
    Ok(RetentionPolicy {
        max_age: arguments.older_than,
        max_size_bytes: arguments.max_size,
        statuses: arguments.status.iter().map(|word| status(word)).collect::<Result<_, _>>()?,
        keep_last: arguments.keep_last,
    })
}

/// What is forgotten where the arguments don't say it.
fn configured(arguments: &PruneArguments) -> Result<RetentionPolicy, Failure> {
    let statuses = arguments.status.iter().map(|word| status(word)).collect::<Result<_, _>>()?;
    let configured = configuration::load()?.retention().map(|policy| RetentionPolicy { statuses, ..policy });
    configured.ok_or_else(|| {
        let message = "say what to forget: `--older-than 30d`, `--max-size 1GB` or `--keep-last 100`";
        Failure::usage(format!("{message}; or set `store.max_age`, `store.max_size` or `store.keep_last`"))
    })
}

fn status(word: &str) -> Result<Status, Failure> {
    let known = [Status::Ok, Status::Error, Status::Cancelled, Status::Interrupted];
    let found = Status::from_word(word).filter(|status| known.contains(status));
    found.ok_or_else(|| {
        Failure::usage(format!(
            "runs that are `{word}` can't be forgotten; there are {}",
            known.map(|status| status.as_str()).join(", ")
        ))
    })
}

fn said(forgotten: &Forgotten, dry_run: bool) -> String {
    let freed = forgotten.size_before_bytes.saturating_sub(forgotten.size_after_bytes);
    if forgotten.runs == 0 && forgotten.spans == 0 {
        return "nothing to forget\n".to_owned();
    }
    let runs = format!("{} {}", quantity::count(forgotten.runs), if forgotten.runs == 1 { "run" } else { "runs" });
    let spans = if forgotten.spans == 0 { String::new() } else { format!(" with {} spans", quantity::count(forgotten.spans)) };
    let (size, left) = (quantity::bytes(freed), quantity::bytes(forgotten.size_after_bytes));
    if dry_run {
        format!("would forget {runs}{spans}, about {size}; {left} would be left\n")
    } else {
        format!("forgot {runs}{spans}, {size}; {left} are left\n")
    }
}

fn object(forgotten: &Forgotten, dry_run: bool) -> String {
    let object = json!({
        "dry_run": dry_run,
        "runs": forgotten.runs,
        "spans": forgotten.spans,
        "size_before_bytes": forgotten.size_before_bytes,
        "size_after_bytes": forgotten.size_after_bytes,
    });
    format!("{object:#}\n")
}
