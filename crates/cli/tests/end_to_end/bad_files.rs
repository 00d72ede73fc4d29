//! Pipeline files with something wrong: what, where, and what to do about it.

use crate::harness::{Ended, Home};

/// Runs a file that must be refused before anything happens.
fn refused(pipeline: impl AsRef<[u8]>, words: &[&str]) -> Ended {
    let home = Home::new();
    home.file("p.toml", &pipeline);
    let ended = home.run(&[]).refuses(words);
    assert!(!home.has(".flowglass/flowglass.db") && !home.has("made"));
    assert_eq!(std::fs::read(home.path("p.toml")).unwrap(), pipeline.as_ref());
    ended
}

#[test]
fn a_missing_file_is_told_with_the_nearest() {
    let home = Home::new();
    home.file("digest.toml", "");
    home.flowglass(&["run", "digset.toml"]).refuses(&["digset.toml", "no such file", "did you mean", "digest.toml"]);
    home.flowglass(&["run", "none/digest.toml"]).refuses(&["none/digest.toml"]);
    home.flowglass(&["run", "."]).refuses(&["folder"]);
}

#[test]
fn a_cycle_is_named() {
    let node =
        |output: &str, input: &str| format!("[[node]]\noutput = '{output}'\ncommand = ['touch', 'made', '{{{input}}}']\n");
    refused(node("a", "b") + &node("b", "a"), &["p.toml:2:10", "cycle: ", "a → b → a"]);
    refused(node("a", "a"), &["cycle: a → a"]);
}

#[test]
fn two_nodes_with_one_output_are_refused() {
    let node = "[[node]]\noutput = 'x'\ncommand = ['touch', 'made']\n";
    refused([node, node].concat(), &["p.toml:5:10", "two things give `x`", "line 2"]);
    refused(format!("[inputs]\nx = 1\n{node}"), &["two things give `x`"]);
}

#[test]
fn unknown_keys_are_told_with_place_and_nearest() {
    refused("[[node]]\noutput = 'a'\ncomand = ['touch', 'made']\n", &["p.toml:3:1", "`comand`", "did you mean `command`?"]);
    refused("nmae = 'x'\n[[node]]\noutput = 'a'\nshell = 'x'\n", &["p.toml:1:1", "did you mean `name`?"]);
    refused("[[nodes]]\noutput = 'a'\n", &["did you mean `node`?"]);
}

#[test]
fn wrong_types_are_told_with_what_was_expected() {
    refused("[[node]]\noutput = 'a'\ncommand = 'touch made'\n", &["p.toml:3:11", "`command` must be a list, not text"]);
    refused("[[node]]\noutput = 1\nshell = 'x'\n", &["p.toml:2:10", "text"]);
    refused("[[node]]\noutput = 'a'\nshell = 'x'\ntimeout = 3\n", &["p.toml:4:11", "10s"]);
    refused("[inputs]\nx = { type = 'integer' }\n[[node]]\noutput = 'a'\nshell = 'x'\n", &["p.toml:2:14", "`integer`", "int"]);
    refused("[inputs]\nx = { type = 'int', default = 'a' }\n[[node]]\noutput = 'a'\nshell = 'x'\n", &["p.toml:2:31", "int"]);
}

#[test]
fn wrong_syntax_is_told_with_its_place() {
    refused("[[node]]\noutput = 'a\n", &["p.toml:2:"]);
    refused("[[node]\n", &["p.toml:1:"]);
    refused("= 1\n", &["p.toml:1:1"]);
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let ended =
        refused("[[node]]\noutput = 'a'\nshel = 'x'\n[[node]]\noutput = 'b'\nshell = '{c}'\n", &["p.toml:3:1", "p.toml:6:"]);
    assert!(ended.stderr.contains("2 problems"), "{ended}");
}

#[test]
fn empty_and_binary_files_are_explained() {
    refused("", &["p.toml:1:1", "no nodes"]);
    refused("# only a comment\n", &["no nodes"]);
    refused(b"\x7fELF\x02\x01\x01\x00\xff\xfe\x00", &["p.toml", "not UTF-8"]);
    refused(b"\0\0\0\0", &["p.toml:1:1"]);
    refused("\u{feff}", &["no nodes"]);
}

#[test]
fn messages_carry_no_control_characters_of_the_file() {
    let ended = refused("\"\\u001b[31mred\" = 1\n[[node]]\noutput = 'a'\nshell = 'x'\n", &["p.toml:1:1"]);
    assert!(!ended.stderr.contains('\u{1b}'), "{ended}");
}

#[test]
fn huge_files_are_read_or_refused_but_never_hang() {
    refused(vec![b'x'; 20_000_000], &["p.toml"]);
    refused("[[node]]\n".repeat(100_000), &["p.toml:1:1"]);
    let comments = format!("{}[[node]]\noutput = 'a'\nshell = 'echo read'\n", "# filler\n".repeat(200_000));
    assert_eq!(Home::with(&comments).printed(&[]), "read\n");
}
