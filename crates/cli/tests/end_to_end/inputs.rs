//! Inputs from the command line, by type.

use serde_json::{Value, json};

use crate::harness::Home;

const ECHO: &str = "[[node]]\noutput = 'out'\ncommand = ['cat']\nstdin = '{x}'\n";

fn home(declared: &str) -> Home {
    Home::with(&format!("[inputs]\nx = {declared}\n{ECHO}"))
}

fn given(declared: &str, argument: &str) -> Value {
    home(declared).json(&["-i", argument])["outputs"]["out"].take()
}

#[test]
fn every_type_takes_its_values() {
    assert_eq!(given("{ type = 'text' }", "x=a=b c"), "a=b c");
    assert_eq!(given("{ type = 'text' }", "x="), "");
    assert_eq!(given("{ type = 'int' }", "x=-7"), "-7");
    assert_eq!(given("{ type = 'float' }", "x=1e3"), "1000.0");
    assert_eq!(given("{ type = 'bool' }", "x=false"), "false");
    assert_eq!(given("{ type = 'list' }", "x=a,b"), "a\nb");
    assert_eq!(given("{ type = 'list' }", r#"x=["a,b", 2]"#), "a,b\n2");
    assert_eq!(given("{ type = 'json' }", r#"x={"k": 1}"#), r#"{"k":1}"#);
}

#[test]
fn a_default_gives_the_type() {
    assert_eq!(home("3").json(&[])["outputs"]["out"], "3");
    home("3").run(&["x=three"]).refuses(&["input `x`", "`three` is no int"]);
    home("true").run(&["x=yes"]).refuses(&["input `x`", "`true` or `false`"]);
    home("1.5").run(&["x=much"]).refuses(&["input `x`", "is no float"]);
    home("{ type = 'json' }").run(&["x={"]).refuses(&["input `x`", "JSON"]);
}

#[test]
fn what_is_required_must_be_given() {
    home("{ type = 'int' }").run(&[]).refuses(&["`x` (int) is required", "x="]);
}

#[test]
fn an_unknown_input_is_told_with_the_nearest() {
    let home = Home::with("[inputs]\nlimit = 1\n[[node]]\noutput = 'out'\ncommand = ['echo', '{limit}']\n");
    home.run(&["limt=2"]).refuses(&["no input `limt`", "did you mean `limit`?"]);
    home.run(&["limit"]).refuses(&["`limit`", "name=value"]);
    home.run(&["limit=1", "-i", "limit=2"]).refuses(&["`limit`", "twice"]);
}

#[test]
fn both_forms_are_the_same_and_a_file_can_hold_the_value() {
    assert_eq!(home("''").printed(&["x=1"]), "1\n");
    assert_eq!(home("''").printed(&["--input", "x=1"]), "1\n");
    assert_eq!(home("''").printed(&["-i", "x=1"]), "1\n");
    let from_file = home("''");
    from_file.file("value", "two\nlines\n");
    assert_eq!(from_file.json(&["x=@value"])["outputs"]["out"], "two\nlines");
    from_file.run(&["x=@none"]).refuses(&["input `x`", "none"]);
}

#[test]
fn whole_lists_come_from_defaults() {
    assert_eq!(home("['a', 'b']").json(&[])["outputs"]["out"], json!("a\nb"));
}
