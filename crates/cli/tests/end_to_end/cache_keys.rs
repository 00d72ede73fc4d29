//! What is in the key of a command's result, and what never is.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::{Home, node};

/// A pipeline of one node that was run once.
fn ran_once(node: &str) -> Home {
    let home = Home::with(&pipeline(node));
    home.file("f", "content").folder("folder/deep").file("folder/deep/x", "1").folder("other");
    home.run(&[]).ok();
    home
}

fn pipeline(node: &str) -> String {
    format!("name = 'p'\n[inputs]\nx = 'f'\ndir = 'folder'\n[[node]]\noutput = 'out'\n{node}\n")
}

/// What the cache says when the pipeline is run again.
fn again(home: &Home, arguments: &[&str]) -> String {
    node(&home.json(arguments), "p > out")["cache_status"].as_str().unwrap().to_owned()
}

fn changed(before: &str, after: &str) -> String {
    let home = ran_once(before);
    home.file("p.toml", pipeline(after));
    again(&home, &[])
}

#[test]
fn the_template_counts() {
    assert_eq!(changed("command = ['echo', 'a']", "command = ['echo', 'b']"), "write");
    assert_eq!(changed("command = ['echo', 'a', 'b']", "command = ['echo', 'a b']"), "write");
    assert_eq!(changed("shell = 'echo a'", "shell = 'echo  a'"), "write");
    assert_eq!(changed("command = ['echo', 'a']", "command = ['echo', 'a']"), "hit");
}

#[test]
fn variables_of_the_node_and_its_folder_count() {
    assert_eq!(changed("command = ['echo']\nenv = { A = '1' }", "command = ['echo']\nenv = { A = '2' }"), "write");
    assert_eq!(changed("command = ['echo']\nenv = { A = '1' }", "command = ['echo']\nenv = { B = '1' }"), "write");
    assert_eq!(changed("command = ['echo']", "command = ['echo']\ncwd = 'other'"), "write");
    assert_eq!(changed("command = ['cat']\nstdin = 'a'", "command = ['cat']\nstdin = 'b'"), "write");
}

#[test]
fn how_the_output_is_read_counts() {
    assert_eq!(changed("command = ['echo', '1']", "command = ['echo', '1']\nparse = 'json'"), "write");
}

#[test]
fn time_limits_and_names_do_not_count() {
    assert_eq!(changed("command = ['echo']", "command = ['echo']\ntimeout = '1h'\nretry = 3"), "hit");
}

#[test]
fn values_count() {
    let home = ran_once("command = ['echo', '{x}']");
    assert_eq!(again(&home, &["-i", "x=other"]), "write");
    assert_eq!(again(&home, &["-i", "x=f"]), "hit");
}

#[test]
fn a_value_that_is_a_file_counts_by_its_bytes() {
    let home = ran_once("command = ['cat', '{x}']");
    assert_eq!(again(&home, &[]), "hit");
    home.file("f", "edited");
    assert_eq!(again(&home, &[]), "write");
    home.file("f", "content");
    assert_eq!(again(&home, &[]), "hit");
}

#[test]
fn a_file_that_appears_or_goes_counts() {
    let home = Home::with(&pipeline("shell = 'cat {x} || true'"));
    home.run(&[]).ok();
    home.file("f", "now here");
    assert_eq!(again(&home, &[]), "write");
    fs::remove_file(home.path("f")).unwrap();
    assert_eq!(again(&home, &[]), "hit");
}

#[test]
fn a_value_that_is_a_folder_counts_by_its_listing() {
    let home = ran_once("command = ['ls', '-R', '{dir}']");
    assert_eq!(again(&home, &[]), "hit");
    home.file("folder/deep/y", "");
    assert_eq!(again(&home, &[]), "write");
    home.file("folder/deep/x", "longer");
    assert_eq!(again(&home, &[]), "write");
    fs::remove_file(home.path("folder/deep/y")).unwrap();
    assert_eq!(again(&home, &[]), "write");
    assert_eq!(again(&home, &[]), "hit");
}

#[test]
fn the_store_within_a_folder_does_not_count() {
    let home = Home::with(&pipeline("command = ['ls', '{dir}']"));
    assert_eq!(again(&home, &["-i", "dir=."]), "write");
    assert_eq!(again(&home, &["-i", "dir=."]), "hit");
}

#[test]
fn watched_files_count() {
    let home = ran_once("command = ['cat', 'folder/deep/x']\nwatch = ['folder/**/*']");
    assert_eq!(again(&home, &[]), "hit");
    home.file("folder/deep/x", "22");
    assert_eq!(again(&home, &[]), "write");
    home.file("folder/deeper/z", "");
    assert_eq!(again(&home, &[]), "write");
    home.file("f", "not watched");
    assert_eq!(again(&home, &[]), "hit");
}

#[test]
fn the_program_counts_by_its_file() {
    let home = Home::with(&pipeline("command = ['./tool']"));
    let write = |text: &str| {
        home.file("tool", format!("#!/bin/sh\necho {text}\n"));
        fs::set_permissions(home.path("tool"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("one");
    assert_eq!(home.json(&[])["outputs"]["out"], "one");
    assert_eq!(again(&home, &[]), "hit");
    write("two");
    let run = home.json(&[]);
    assert_eq!(run["outputs"]["out"], "two");
    assert_eq!(node(&run, "p > out")["cache_status"], "write");
}

#[test]
fn the_trace_and_the_terminal_never_count() {
    let home = ran_once("shell = 'echo ${TRACEPARENT:+in a trace}'");
    let call = home.call(&["run", "p.toml", "--json"]);
    let call = call.env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let run = call.env("TERM", "xterm-256color").env("COLUMNS", "40").env("NO_COLOR", "1").end().ok().json();
    assert_eq!(node(&run, "p > out")["cache_status"], "hit");
    assert_eq!(again(&home, &["--color", "always", "--progress", "bars"]), "hit");
}
