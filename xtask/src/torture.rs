//! `cargo xtask torture`: kills processes that write, merge and prune a store, as often as asked for.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use crate::surroundings;
use crate::verb::Verb;

pub(crate) const VERB: Verb =
    Verb { name: "torture", about: "kill processes that write, merge and prune a store, very often", help: HELP, run };

const HELP: &str = "\
Usage: cargo xtask torture [--kills N]

Runs the store's tests that kill processes at random instants, each of them N times (500 if that isn't given), in a release
build. After each death the store must open, be whole, and hold all that was acknowledged.
";

const KILLS: u32 = 500;

fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode, String> {
    let kills = kills(arguments)?;
    let status = surroundings::command(root, "cargo")
        .args(["test", "--release", "-p", "flowglass-store", "--test", "processes", "killed", "--", "--nocapture"])
        .env("FLOWGLASS_TEST_KILLS", kills.to_string())
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    Ok(surroundings::exit_code(status))
}

fn kills(arguments: &[OsString]) -> Result<u32, String> {
    match arguments {
        [] => Ok(KILLS),
        [flag, number] if flag == "--kills" => {
            let number = number.to_str().and_then(|number| number.parse().ok()).filter(|&number| number > 0);
            number.ok_or_else(|| "--kills takes a whole number above 0".to_owned())
        }
        [unknown, ..] => Err(format!("there is no argument `{}` here; --help lists them", unknown.to_string_lossy())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_kills_can_be_given() {
        let given = |arguments: &[&str]| kills(&arguments.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!((given(&[]), given(&["--kills", "7"])), (Ok(500), Ok(7)));
        assert!(given(&["--kills", "0"]).is_err() && given(&["--kills"]).is_err() && given(&["7"]).is_err());
    }
}
