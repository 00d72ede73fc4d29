//! The store: whether it can be made, written and read where it is to be, and whether there is room.

use std::path::{Path, PathBuf};

use flowglass::config::{Config, StorePlace};
use flowglass::store::{SinkOptions, SqliteStore, StoreError, StoreErrorKind};
use flowglass::term::quantity;

use super::finding::Finding;
use crate::arguments::StoreArgument;
use crate::location::Location;

const ABOUT: &str = "store";
/// Clocks of several machines may differ by so much.
const CLOCKS_APART: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);
/// With less room than this, a store doesn't live long.
const LITTLE_ROOM_BYTES: u64 = 256 << 20;
/// With less room than this, nothing can be written for sure.
const NO_ROOM_BYTES: u64 = 16 << 20;

pub(super) fn look(argument: &StoreArgument, config: &Config) -> Vec<Finding> {
    if !argument.is_named() && config.store_place() == StorePlace::Off {
        return vec![Finding::good(ABOUT, "runs aren't kept")];
    }
    let path = match argument.location() {
        Ok(Location::File(path)) => path,
        Ok(Location::Address(_)) => return vec![server(argument)],
        Err(failure) => {
            return vec![Finding::wrong(ABOUT, failure.message, "name a place that can be one: `store.address`, `--store`")];
        }
    };
    let mut findings = if path.exists() { existing(&path) } else { vec![future(&path)] };
    findings.extend(room(&path));
    findings.extend(readable_by_others(&path));
    findings
}

fn server(argument: &StoreArgument) -> Finding {
    match argument.any() {
        Ok(store) => Finding::good(ABOUT, format!("{} is there", store.location())),
        Err(failure) => {
            Finding::wrong(ABOUT, failure.message, "see that it runs, and that the address and the password are right")
        }
    }
}

fn existing(path: &Path) -> Vec<Finding> {
    let wrong = |error: &StoreError| {
        let advice = match error.kind() {
            StoreErrorKind::Newer => "use a newer flowglass, or name another store",
            StoreErrorKind::NotWritable => "give yourself the right to write there, or name another store",
            StoreErrorKind::Corrupt => "`flowglass store check` says what is damaged; `flowglass export` saves what is whole",
            StoreErrorKind::Unsupported => "name a store on a local disk",
            _ => "see the message, or name another store",
        };
        Finding::wrong(ABOUT, error.to_string(), advice)
    };
    let opened = SqliteStore::open(path).and_then(|store| {
        let sink = store.sink(SinkOptions::default())?;
        drop(sink);
        Ok((store.info()?, store.details()?.newest_unix_ns))
    });
    match opened {
        Ok((info, newest)) => {
            let says = format!(
                "{}: format {}, {}, {} in {}",
                path.display(),
                info.format_version,
                quantity::counted(info.runs, "run"),
                quantity::counted(info.spans, "span"),
                quantity::bytes(info.size_bytes)
            );
            [Finding::good(ABOUT, says)].into_iter().chain(newest.and_then(of_the_future)).collect()
        }
        Err(error) => vec![wrong(&error)],
    }
}

/// Work that began later than now was recorded by a clock that is wrong, or this one is.
fn of_the_future(newest_unix_ns: i64) -> Option<Finding> {
    let newest = jiff::Timestamp::from_nanosecond(i128::from(newest_unix_ns)).ok()?;
    let is_later = newest.duration_since(jiff::Timestamp::now()) > CLOCKS_APART;
    let says = format!("the newest run in the store began in the future: {newest}");
    is_later.then(|| Finding::strange("clock", says, "compare the clocks of the machines that write into the store"))
}

/// Looks at where a store would be made, by making a file there and taking it away.
fn future(path: &Path) -> Finding {
    if let Err(error) = SqliteStore::open(path)
        && error.kind() == StoreErrorKind::Unsupported
    {
        return Finding::wrong(ABOUT, error.to_string(), "name a store on a local disk");
    }
    let Some(folder) = nearest_existing(path) else {
        return Finding::wrong(ABOUT, format!("{} is nowhere", path.display()), "name a place below a folder that is there");
    };
    match tempfile::tempfile_in(&folder) {
        Ok(_) => Finding::good(ABOUT, format!("{} is made with the first run", path.display())),
        Err(error) => {
            let says = format!("{} can't be made: {}: {error}", path.display(), folder.display());
            Finding::wrong(ABOUT, says, "give yourself the right to write there, or name another place")
        }
    }
}

fn nearest_existing(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned)
}

fn room(path: &Path) -> Option<Finding> {
    let free = rustix::fs::statvfs(&nearest_existing(path)?).ok()?;
    let bytes = free.f_bavail.saturating_mul(free.f_frsize);
    let says = format!("{} are free where the store is", quantity::bytes(bytes));
    let advice = "make room; `flowglass prune` forgets old runs, `store.max_size` bounds the store";
    Some(match bytes {
        ..NO_ROOM_BYTES => Finding::wrong("disk", says, advice),
        NO_ROOM_BYTES..LITTLE_ROOM_BYTES => Finding::strange("disk", says, advice),
        _ => Finding::good("disk", says),
    })
}

/// What runs are given and say may concern nobody else.
#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<Finding> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let says = format!("{} can be written by everybody (mode {:o})", path.display(), mode & 0o777);
    (mode & 0o002 != 0).then(|| Finding::strange(ABOUT, says, "take that right away: `chmod o-w`"))
}
