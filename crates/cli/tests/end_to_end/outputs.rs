//! What `run` prints, and where.

use crate::harness::Home;

const CHAIN: &str =
    "[[node]]\noutput = 'a'\ncommand = ['echo', 'first']\n[[node]]\noutput = 'b'\ncommand = ['echo', '{a} and last']\n";
const TWO: &str = "[[node]]\noutput = 'a'\ncommand = ['echo', 'A']\n[[node]]\noutput = 'b'\ncommand = ['echo', 'B']\n";

#[test]
fn only_what_nobody_consumes_is_printed() {
    assert_eq!(Home::with(CHAIN).printed(&[]), "first and last\n");
}

#[test]
fn several_outputs_stand_below_their_names() {
    assert_eq!(Home::with(TWO).printed(&[]), "a:\nA\nb:\nB\n");
}

#[test]
fn one_output_is_printed_raw() {
    let home = Home::with(CHAIN);
    assert_eq!(home.printed(&["--output", "a"]), "first");
    assert_eq!(home.printed(&["--output", "b"]), "first and last");
    home.run(&["--output", "c"]).refuses(&["no output `c`", "a, b"]);
    let home = Home::with("[[node]]\noutput = 'summary'\ncommand = ['touch', 'made']\n");
    home.run(&["--output", "sumary"]).refuses(&["did you mean `summary`?"]);
    assert!(!home.has("made"));
}

#[test]
fn lists_and_objects_are_printed_as_they_stream() {
    let home = Home::with("[[node]]\noutput = 'xs'\nshell = 'echo a; echo b'\nparse = 'lines'\n");
    assert_eq!(home.printed(&[]), "a\nb\n");
    let home = Home::with("[[node]]\noutput = 'o'\ncommand = ['echo', '{{\"k\": [1]}}']\nparse = 'json'\n");
    let printed = home.printed(&[]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), serde_json::json!({"k": [1]}));
}

#[test]
fn what_is_printed_can_go_to_a_file() {
    let home = Home::with(CHAIN);
    assert_eq!(home.printed(&["-o", "out.txt"]), "");
    assert_eq!(home.read("out.txt"), "first and last\n");
    home.run(&["--json", "-o", "out.json"]).ok();
    assert!(home.read("out.json").starts_with('{'));
}

#[test]
fn a_bad_file_name_is_found_before_the_run() {
    let home = Home::with("[[node]]\noutput = 'a'\ncommand = ['touch', 'made']\n");
    home.run(&["-o", "no/such/file"]).refuses(&["no/such/file", "no folder `no/such`"]);
    home.run(&["-o", "."]).refuses(&["folder"]);
    assert!(!home.has("made"));
}

#[test]
fn everything_for_people_goes_to_stderr() {
    let ended = Home::with(CHAIN).run(&[]).ok().tells(&["p > a", "p > b", "━", "kept in"]);
    assert_eq!(ended.stdout, "first and last\n");
    let ended = Home::with(CHAIN).run(&["-q"]).ok();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("first and last\n", ""));
}

#[test]
fn colours_and_bars_come_only_where_asked() {
    let home = Home::with(CHAIN);
    assert!(!home.run(&[]).ok().stderr.contains('\u{1b}'));
    assert!(home.run(&["--color", "always"]).ok().stderr.contains("\u{1b}["));
    let ended = home.run(&["--color", "always", "--json"]).ok();
    assert!(!ended.stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::with("[[node]]\noutput = 'a'\nshell = 'head -c 1000000 /dev/zero'\n");
    let mut running = home.call(&["run", "p.toml", "-q"]).start();
    drop(running.stdout());
    running.end().ok();
}

#[test]
fn nested_outputs_are_outputs_and_inner_ones_are_not() {
    let home = Home::with("[[node]]\noutput = 'b'\npipeline = 'inner.toml'\n");
    home.file("inner.toml", CHAIN);
    let run = home.json(&[]);
    assert_eq!(run["outputs"], serde_json::json!({"b": "first and last"}));
}
