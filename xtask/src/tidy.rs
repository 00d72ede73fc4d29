//! `cargo xtask tidy`: checks what holds in this repository and what no compiler looks at.

mod arrows;
mod attributes;
mod finding;
mod house;
mod links;
mod machine_paths;
mod manifests;
mod markdown;
mod markers;
mod names;
mod openings;
mod reach;
mod rust_text;
mod tree;
mod unsafety;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use crate::verb::{self, Verb};
use finding::Finding;
use tree::Tree;

pub(crate) const VERB: Verb = Verb { name: "tidy", about: "check the rules that no compiler looks at", help: HELP, run };

const HELP: &str = "\
Usage: cargo xtask tidy

Reads every file of the repository and reports what breaks a rule of the house:
  arrows         a crate depends on one that it must not know
  reach          a crate that is pure calculation touches files, threads or clocks
  manifests      a crate lacks its description, licence or the workspace's lints
  openings       a Rust file does not begin by saying what lives there
  names          a file is named after no topic (utils, helpers, ...)
  markers        unfinished work: todo!, dbg!, a note to come back
  attributes     a lint or a test switched off without a reason
  unsafe code    where it has no right to be
  links          a link in a Markdown file that leads nowhere
  machine paths  a path in a Markdown file that exists on one machine only
";

type Check = fn(&Tree) -> Vec<Finding>;

const CHECKS: [Check; 10] = [
    arrows::check,
    reach::check,
    manifests::check,
    openings::check,
    names::check,
    markers::check,
    attributes::check,
    unsafety::check,
    links::check,
    machine_paths::check,
];

/// Checks the repository, prints what it finds and says whether there was nothing.
///
/// # Errors
/// Where the repository cannot be read.
pub(crate) fn is_tidy(root: &Path) -> Result<bool, String> {
    let tree = Tree::read(root).map_err(|error| format!("cannot read the repository: {error}"))?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", tree.file_count(), findings.len());
    Ok(findings.is_empty())
}

fn run(root: &Path, arguments: &[OsString]) -> Result<ExitCode, String> {
    let [] = verb::flags([], arguments)?;
    Ok(if is_tidy(root)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check(tree: &Tree) -> Vec<Finding> {
    CHECKS.iter().flat_map(|check| check(tree)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_takes_part() {
        let tree = Tree::of(&[
            ("crates/insight/Cargo.toml", "[package]\n[dependencies]\nflowglass-store.workspace = true\n"),
            ("crates/insight/src/utils.rs", "#[allow(x)]\nfn now() { todo!(); unsafe { std::fs::read() } }\n"),
            ("README.md", "[gone](gone.md) and /tmp/x\n"),
        ]);
        let silent: Vec<usize> = (0..CHECKS.len()).filter(|&index| CHECKS[index](&tree).is_empty()).collect();
        assert!(silent.is_empty(), "checks without a finding: {silent:?}");
        assert!(check(&tree).len() >= CHECKS.len());
    }

    #[test]
    fn an_empty_repository_is_tidy() {
        assert!(check(&Tree::of(&[])).is_empty());
    }
}
