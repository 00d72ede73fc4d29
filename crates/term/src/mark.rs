//! The marks that say how something stands, told apart with and without colours.

use flowglass_insight::progress::State;
use flowglass_model::Status;

use crate::Options;

/// Returns the mark of something with this status that came from the cache or not.
pub(crate) const fn mark(status: Status, is_cached: bool, options: Options) -> &'static str {
    match (status, options.unicode) {
        (Status::Error, true) => "✗",
        (Status::Error, false) => "x",
        (Status::Interrupted, true) => "⚠",
        (Status::Interrupted, false) => "!",
        (Status::Running, true) => "…",
        (Status::Running, false) => ">",
        (Status::Cancelled | Status::Skipped, true) => "◌",
        (Status::Cancelled | Status::Skipped, false) => "-",
        (_, true) if is_cached => "⚡",
        (_, false) if is_cached => "*",
        (_, true) => "✓",
        (_, false) => "+",
    }
}

/// Returns the status and whether it is a cache hit that a state of a progress display stands for.
pub(crate) const fn status_of(state: State) -> (Status, bool) {
    match state {
        State::Cached => (Status::Ok, true),
        State::Finished => (Status::Ok, false),
        State::Failed => (Status::Error, false),
        State::Cancelled => (Status::Cancelled, false),
        State::Skipped => (Status::Skipped, false),
        _ => (Status::Running, false),
    }
}

/// Returns the mark of something that runs, turning ten times a second.
pub(crate) fn spinner(now_unix_ns: i64, options: Options) -> char {
    let turning: [char; 10] = if options.unicode {
        ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
    } else {
        ['|', '/', '-', '\\', '|', '/', '-', '\\', '|', '/']
    };
    let at = now_unix_ns.div_euclid(100_000_000).rem_euclid(10);
    turning[usize::try_from(at).unwrap_or_default()]
}
