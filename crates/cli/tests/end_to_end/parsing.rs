//! What becomes of a command's output.

use serde_json::{Value, json};

use crate::harness::Home;

fn home(printed: &str, parse: &str) -> Home {
    let home = Home::with(&format!("[[node]]\noutput = 'out'\ncommand = ['cat', 'printed']\nparse = '{parse}'\n"));
    home.file("printed", printed);
    home
}

fn parsed(printed: &str, parse: &str) -> Value {
    home(printed, parse).json(&[])["outputs"]["out"].take()
}

#[test]
fn text_drops_one_newline() {
    assert_eq!(parsed("a\n", "text"), "a");
    assert_eq!(parsed("a\n\n", "text"), "a\n");
    assert_eq!(parsed("", "text"), "");
    assert_eq!(parsed("a", "text"), "a");
    let home = Home::with("[[node]]\noutput = 'out'\ncommand = ['echo', 'the default']\n");
    assert_eq!(home.json(&[])["outputs"]["out"], "the default");
}

#[test]
fn lines_end_with_either_line_break() {
    assert_eq!(parsed("a\r\nb\n\nc\n", "lines"), json!(["a", "b", "", "c"]));
    assert_eq!(parsed("a", "lines"), json!(["a"]));
    assert_eq!(parsed("", "lines"), json!([]));
    assert_eq!(parsed("\n", "lines"), json!([""]));
}

#[test]
fn json_keeps_its_types() {
    assert_eq!(parsed("{\"a\": [1, 2.5, null, \"x\"]}\n", "json"), json!({"a": [1, 2.5, null, "x"]}));
    assert_eq!(parsed("1\n{\"a\": 2}\n\n", "jsonl"), json!([1, {"a": 2}]));
    assert_eq!(parsed("", "jsonl"), json!([]));
}

#[test]
fn a_list_of_json_can_be_mapped_over() {
    let home = Home::with(
        "[[node]]\noutput = 'rows'\nshell = \"echo '[1, {\\\"k\\\": 2}]'\"\nparse = 'json'\n\
         [[node]]\noutput = 'out'\ncommand = ['echo', '{row}']\nmap_over = { row = 'rows' }\n",
    );
    assert_eq!(home.json(&[])["outputs"]["out"], json!(["1", "{\"k\":2}"]));
}

#[test]
fn what_is_no_json_is_shown_with_its_place() {
    home("{\"a\": 1,\n oops}", "json").run(&[]).fails(&["out", "not JSON", "line 2, column 2", "oops"]);
    home("1\n[2\n", "jsonl").run(&[]).fails(&["not JSON", "line 2"]);
    home("", "json").run(&[]).fails(&["empty"]);
}

#[test]
fn invalid_text_is_told_with_its_offset_and_the_way_out() {
    for parse in ["text", "lines", "json", "jsonl"] {
        let home = home("", parse);
        home.file("printed", b"ab\xff\n");
        home.run(&[]).fails(&["not UTF-8", "offset 2", "0xff", "parse = \"bytes\""]);
    }
}

#[test]
fn bytes_are_base64_in_json_and_raw_elsewhere() {
    let home = home("", "bytes");
    home.file("printed", b"\xff\x00\n");
    assert_eq!(home.json(&[])["outputs"]["out"], json!({"base64": "/wAK"}));
    assert_eq!(home.run(&["--output", "out"]).ok().bytes, b"\xff\x00\n");
}

#[test]
fn bytes_stay_the_same_through_the_cache() {
    let home = home("", "bytes");
    home.file("printed", b"\xff\x00\n");
    let (first, second) = (home.run(&["--output", "out"]).ok().bytes, home.run(&["--output", "out"]).ok());
    assert_eq!(first, second.bytes);
}

#[test]
fn what_goes_to_stderr_is_no_output() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'echo noise >&2; echo data'\n");
    assert_eq!(home.printed(&[]), "data\n");
}
