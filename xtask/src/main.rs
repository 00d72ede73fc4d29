//! Developer commands, run as `cargo xtask VERB`: one file per verb.

mod bench;
mod surroundings;
mod test;
mod tidy;
mod torture;
mod verb;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use verb::Verb;

const VERBS: [Verb; 4] = [bench::VERB, test::VERB, tidy::VERB, torture::VERB];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: &[OsString]) -> Result<ExitCode, String> {
    let Some((name, rest)) = arguments.split_first() else {
        return Ok(print(&help()));
    };
    if verb::asks_for_help(name) {
        return Ok(print(&help()));
    }
    let verb = find(name)?;
    if rest.first().is_some_and(|first| verb::asks_for_help(first)) {
        return Ok(print(verb.help));
    }
    let root = find_root(&env::current_dir().map_err(|error| format!("no current directory: {error}"))?)?;
    (verb.run)(&root, rest)
}

fn find(name: &OsString) -> Result<&'static Verb, String> {
    VERBS
        .iter()
        .find(|verb| name == verb.name)
        .ok_or_else(|| format!("there is no verb `{}`; `cargo xtask` lists them all", name.to_string_lossy()))
}

fn help() -> String {
    let mut text = String::from("Usage: cargo xtask VERB [ARGUMENTS]\n\n");
    for verb in &VERBS {
        text.push_str(&format!("  {:<8}{}\n", verb.name, verb.about));
    }
    text.push_str("\n`cargo xtask VERB --help` says more.\n");
    text
}

fn print(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

/// Finds the workspace that `start` lies in: the nearest directory above that holds xtask.
fn find_root(start: &Path) -> Result<PathBuf, String> {
    start
        .ancestors()
        .find(|directory| directory.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} lies in no Flowglass workspace", start.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_verb() {
        let help = help();
        assert!(VERBS.iter().all(|verb| help.contains(verb.name) && help.contains(verb.about)));
    }

    #[test]
    fn an_unknown_verb_is_an_error_that_names_it() {
        let message = find(&OsString::from("tydi")).map(|verb| verb.name).unwrap_err();
        assert!(message.contains("`tydi`"), "{message}");
    }

    #[test]
    fn the_root_is_found_from_below() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(find_root(&here.join("src")).as_deref(), Ok(here.parent().unwrap()));
        assert!(find_root(Path::new("/")).is_err());
    }
}
