//! Other processes that use the same folder, and are killed while they write.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::ordinary::{drain, open, push};

const FOLDER: &str = "FLOWGLASS_SPOOL_FOLDER";

/// The folder in which this process is to write without end, where it was started for that.
#[expect(clippy::disallowed_methods, reason = "a test tells its child what to do")]
fn told() -> Option<std::ffi::OsString> {
    std::env::var_os(FOLDER)
}

/// Writes numbers and says each one that was taken, until somebody ends the process.
fn write_for_ever(folder: &Path) -> ! {
    let mut spool = open(folder);
    let mut out = std::io::stdout();
    for number in 0u64.. {
        push(&mut spool, &format!("{number} {}", "x".repeat(number as usize % 700)));
        if writeln!(out, "taken {number}").and_then(|()| out.flush()).is_err() {
            break;
        }
        if number % 50 == 49 {
            drain(&mut spool);
        }
    }
    panic!("nobody listens any more");
}

fn start(folder: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "killed::a_killed_process_leaves_all_that_it_was_told_is_there", "--nocapture"]);
    command.env(FOLDER, folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_killed_process_leaves_all_that_it_was_told_is_there() {
    if let Some(folder) = told() {
        write_for_ever(Path::new(&folder));
    }
    for enough in [1, 30, 49, 130] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = start(folder.path());
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut lines = lines.filter_map(|line| line.rsplit_once("taken ").map(|(_, number)| number.parse::<u64>().unwrap()));
        let first = lines.by_ref().take(enough).last().unwrap();
        assert!(open(folder.path()).is_empty(), "the living share nothing");
        child.kill().unwrap();
        let last = lines.last().unwrap_or(first);
        child.wait().unwrap();

        let found: Vec<u64> =
            drain(&mut open(folder.path())).iter().map(|text| text.split_once(' ').unwrap().0.parse().unwrap()).collect();
        let begin = found.first().copied().unwrap_or(last + 1);
        assert!(begin <= (last + 1) / 50 * 50, "{begin} of {last}: only what was taken out is gone");
        assert_eq!(found, (begin..begin + found.len() as u64).collect::<Vec<_>>());
        assert!((last + 1..=last + 2).contains(&(begin + found.len() as u64)), "{last}: {found:?}");
    }
}
