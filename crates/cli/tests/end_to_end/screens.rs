//! Whole screens as people see them: a success, a failure, a bad file.

use crate::harness::Home;

/// Takes out of a screen what differs from run to run: times and all that is drawn after them, ids, temporary folders.
const FILTERS: [(&str, &str); 8] = [
    (r"\d+(\.\d+)?(ns|µs|ms|s)\b", "[time]"),
    (r"(\d+ spans) .*", "$1  [axis]"),
    (r"\d+(\.\d+)? %( +[█▏▎▍▌▋▊▉]+)?", "[share]"),
    (r"[━▓█▕▐╺╸▏▎▍▌▋▊▉░]+([━▓█▕▐╺╸▏▎▍▌▋▊▉░ ]*[━▓█▕▐╺╸▏▎▍▌▋▊▉░]+)*", "[bar]"),
    (r"\b[0-9a-f]{32}\b", "[run]"),
    (r"show [0-9a-f]{8}", "show [id]"),
    (r" {2,}", "  "),
    (r"/\S*/\.flowglass", "[home]/.flowglass"),
];

macro_rules! assert_screen {
    ($text:expr, @$expected:literal) => {
        insta::with_settings!({ filters => FILTERS.to_vec() }, { insta::assert_snapshot!($text, @$expected) })
    };
}

/// One node after the other, so that the order of lines is always the same.
const CHAIN: &str = "name = 'report'\nversion = '2'\n[inputs]\nwords = ['a', 'b']\n\
    [[node]]\noutput = 'loud'\nshell = 'echo {word} | tr a-z A-Z'\nmap_over = { word = 'words' }\n\
    [[node]]\noutput = 'all'\nshell = 'cat | tr \"\\n\" +'\nstdin = '{loud}'\n";

#[test]
fn a_success() {
    let ended = Home::with(CHAIN).run(&["--max-workers", "1"]).ok();
    assert_screen!(ended, @"");
}

#[test]
fn a_failure() {
    let failing = CHAIN.replace("cat |", "echo first line >&2; echo what is wrong >&2; exit 3; cat |");
    let ended = Home::with(&format!("{failing}[[node]]\noutput = 'after'\ncommand = ['echo', '{{all}}']\n"))
        .run(&["--max-workers", "1"]);
    assert_screen!(ended.exits(1), @"");
}

#[test]
fn a_bad_file() {
    let bad = CHAIN.replace("{word}", "{wrod}").replace("stdin = '{loud}'", "stdin = '{loud}'\ntimeout = 10\nparse = 'line'");
    assert_screen!(Home::with(&bad).run(&[]).exits(2), @"");
}
