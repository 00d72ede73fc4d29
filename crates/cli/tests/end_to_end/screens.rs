//! Whole screens as people see them: a success, a failure, a bad file.

use crate::harness::Home;

/// Takes out of a screen what differs from run to run: times, what is drawn of them, the advice that they give rise to, ids.
const FILTERS: [(&str, &str); 10] = [
    (r"→ [^f][^\n]*\n(  [^\n]*\n)*", ""),
    (r"\n{3,}", "\n\n"),
    (r"\b\d+(\.\d+)?(ns|µs|ms|s)\b", "[time]"),
    (r"(\d+ spans) .*", "$1 [axis]"),
    (r"\d+(\.\d+)? %( +[█▏▎▍▌▋▊▉]+)?", "[share]"),
    (r" *[━╺╸▓▒░█▐▕▏▎▍▌▋▊▉][━╺╸▓▒░█▐▕▏▎▍▌▋▊▉ ]*", " [bar] "),
    (r"\b[0-9a-f]{32}\b", "[run]"),
    (r"show [0-9a-f]{8}", "show [id]"),
    (r" {2,}", " "),
    (r" +(\n|$)", "$1"),
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
    assert_eq!(ended.stdout, "A+B+\n");
    assert_screen!(ended.stderr, @"
    report: started
    report > loud: ✓ ([time]), 2 items
    report > all: ✓ ([time])
    report: ✓ ([time]), 3 nodes

    5 spans [axis]
    report [bar] [time] ✓
    ├─ loud ×2 [bar] [time] ✓
    │ ├─ [0] a [bar] [time] ✓
    │ └─ [1] b [bar] [time] ✓
    └─ all [bar] [time] ✓

    ✓ report · [time] · 3 nodes · 2 items

    NODE RUNS SHARE TOTAL MIN P50 P95 MAX
    report 1 [share] [time] [time] [time] [time] [time]
    ├─ loud 1 [share] [time] [time] [time] [time] [time]
    │ └─ [*] 2 [share] [time] [time] [time] [time] [time]
    └─ all 1 [share] [time] [time] [time] [time] [time]

    run [run]
    kept in .flowglass/flowglass.db (flowglass show [id])
    ");
}

#[test]
fn a_failure() {
    let failing = CHAIN.replace("cat |", "echo first line >&2; echo what is wrong >&2; exit 3; cat |");
    let home = Home::with(&format!("{failing}[[node]]\noutput = 'after'\ncommand = ['echo', '{{all}}']\n"));
    let ended = home.run(&["--max-workers", "1"]).exits(1);
    assert_eq!(ended.stdout, "");
    assert_screen!(ended.stderr, @"
    report: started
    report > loud: ✓ ([time]), 2 items
    report > all: ✗ FAILED ([time]) `sh` exited with code 3: what is wrong
    report > after: ◌ skipped
    report: ✗ FAILED ([time]) `sh` exited with code 3: what is wrong, 3 nodes, Failed: 1

    5 spans [axis]
    report [bar] [time] ✗
    ├─ loud ×2 [bar] [time] ✓
    │ ├─ [0] a [bar] [time] ✓
    │ └─ [1] b [bar] [time] ✓
    └─ all [bar] [time] ✗
     ✗ `sh` exited with code 3: what is wrong

    ✗ report · [time] · 3 nodes, 1 failed · 2 items

    NODE RUNS SHARE TOTAL MIN P50 P95 MAX FAILED
    report 1 [share] [time] [time] [time] [time] [time] 1
    ├─ loud 1 [share] [time] [time] [time] [time] [time]
    │ └─ [*] 2 [share] [time] [time] [time] [time] [time]
    └─ all 1 [share] [time] [time] [time] [time] [time] 1
    skipped: after

    → first failure: `all`: `sh` exited with code 3: what is wrong; once fixed, run it again: what
     succeeded comes from the cache

    ✗ report > all
     `sh` exited with code 3: what is wrong
     the end of its error output:
     | first line
     | what is wrong
     inputs loud = <list of text>
     around in report: loud finished; after never started

    error: report > all: `sh` exited with code 3: what is wrong

    run [run]
    kept in .flowglass/flowglass.db (flowglass show [id])
    ");
}

#[test]
fn a_bad_file() {
    let bad = CHAIN.replace("{word}", "{wrod}").replace("stdin =", "timeout = 10\nparse = 'line'\nstdin =");
    let ended = Home::with(&bad).run(&[]).exits(2);
    assert_eq!(ended.stdout, "");
    insta::assert_snapshot!(ended.stderr, @"
    error: unknown name `wrod`
     --> p.toml:7:15
      |
    7 | shell = 'echo {wrod} | tr a-z A-Z'
      |               ^^^^^^ neither an input nor an output
      = help: did you mean `word`?

    error: `timeout` must be text with a unit, not a whole number
      --> p.toml:12:11
       |
    12 | timeout = 10
       |           ^^
       = help: write `timeout = \"10s\"`, `\"1m30s\"` or `\"500ms\"`

    error: `line` is no value of `parse`
      --> p.toml:13:9
       |
    13 | parse = 'line'
       |         ^^^^^^
       = help: did you mean `lines`?

    error: 3 problems
    ");
}
