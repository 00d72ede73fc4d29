//! Where results are kept, and what happens when they are damaged.

use std::fs;
use std::path::Path;

use crate::harness::{Home, node};

const ONE: &str = "name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['echo', 'made']\n";
const LONG: &str = "name = 'p'\n[[node]]\noutput = 'out'\nshell = 'head -c 100000 /dev/zero | tr \"\\\\0\" x'\n";

fn said(home: &Home, arguments: &[&str]) -> String {
    node(&home.json(arguments), "p > out")["cache_status"].as_str().unwrap().to_owned()
}

#[test]
fn a_store_has_its_cache_beside_it() {
    let home = Home::with(ONE);
    assert_eq!(said(&home, &[]), "write");
    assert!(home.has(".flowglass/cache"));
    assert_eq!(said(&home, &["--store", "team.db"]), "write");
    assert!(home.has("team.cache"));
    assert_eq!(said(&home, &["--store", "team.db"]), "hit");
    assert_eq!(said(&home, &["--store", "other.db"]), "write");
}

#[test]
fn a_cache_can_be_named() {
    let home = Home::with(ONE);
    assert_eq!(said(&home, &["--cache", "deep/mine"]), "write");
    assert_eq!(said(&home, &["--cache", "deep/mine", "--store", "other.db"]), "hit");
    assert_eq!(said(&home, &[]), "write");
    home.run(&["--cache", "p.toml"]).refuses(&["cache", "p.toml"]);
}

#[test]
fn without_a_cache_nothing_is_taken_or_kept() {
    let home = Home::with(ONE);
    assert_eq!(said(&home, &["--no-cache"]), "off");
    assert_eq!(said(&home, &[]), "write");
    assert_eq!(said(&home, &["--no-cache"]), "off");
}

/// Does something to every file below a folder.
fn each_file(folder: &Path, action: &dyn Fn(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { each_file(&path, action) } else { action(&path) }
    }
}

fn damaged(pipeline: &str, part: &str, action: &dyn Fn(&Path)) {
    let home = Home::with(pipeline);
    let made = home.json(&[])["outputs"].take();
    each_file(&home.path(&format!(".flowglass/cache/{part}")), action);
    let run = home.run(&["--json"]).ok().json();
    assert_eq!(run["outputs"], made);
    // What was damaged has been made anew.
    assert_eq!(home.run(&["--json"]).ok().json()["outputs"], made);
    assert_eq!(said(&home, &[]), "hit");
}

#[test]
fn a_damaged_entry_is_computed_again() {
    damaged(ONE, "entries", &|path| fs::write(path, b"garbage").unwrap());
    damaged(ONE, "entries", &|path| fs::write(path, b"").unwrap());
    damaged(ONE, "entries", &flip_last);
}

#[test]
fn a_value_that_is_gone_or_cut_is_computed_again() {
    damaged(LONG, "values", &|path| fs::remove_file(path).unwrap());
    damaged(LONG, "values", &|path| fs::write(path, b"short").unwrap());
}

fn flip_last(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_value_with_wrong_bytes_is_never_given_out() {
    let home = Home::with(LONG);
    home.run(&[]).ok();
    each_file(&home.path(".flowglass/cache/values"), &flip_last);
    let run = home.run(&["--output", "out", "-q"]);
    assert!(run.code != Some(0) || run.stdout == "x".repeat(100_000), "{}", run.stderr);
}
