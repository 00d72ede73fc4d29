//! What a command finds on its standard input.

use crate::harness::Home;

fn fed(inputs: &str, stdin: &str) -> String {
    let home =
        Home::with(&format!("[inputs]\n{inputs}\n[[node]]\noutput = 'out'\nshell = 'cat; printf .'\nstdin = '{stdin}'\n"));
    home.json(&[])["outputs"]["out"].as_str().unwrap().to_owned()
}

#[test]
fn text_is_raw() {
    assert_eq!(fed("x = \"a\\n b\"", "{x}"), "a\n b.");
    assert_eq!(fed("x = ''", "{x}"), ".");
    assert_eq!(fed("x = 'v'\ny = 2", "k={x} {y} {{}}"), "k=v 2 {}.");
}

#[test]
fn a_list_is_one_element_a_line() {
    assert_eq!(fed("x = ['a', 'b']", "{x}"), "a\nb\n.");
    assert_eq!(fed("x = []", "{x}"), ".");
    assert_eq!(fed("x = [[1, 2], { k = 'v' }]", "{x}"), "[1,2]\n{\"k\":\"v\"}\n.");
}

#[test]
fn objects_are_json() {
    assert_eq!(
        fed("x = { type = 'json', default = { b = 1, a = [true] } }", "{x}").trim_end_matches('.').trim(),
        "{\"a\":[true],\"b\":1}"
    );
}

#[test]
fn bytes_are_raw() {
    let home = Home::with(
        "[[node]]\noutput = 'raw'\nshell = \"printf '\\\\377\\\\000\\\\n'\"\nparse = 'bytes'\n\
         [[node]]\noutput = 'dump'\nshell = 'od -An -tx1 | tr -d \" \"'\nstdin = '{raw}'\n",
    );
    assert_eq!(home.printed(&[]), "ff000a\n");
}

#[test]
fn without_stdin_there_is_nothing_to_read() {
    let home = Home::with("[[node]]\noutput = 'out'\nshell = 'cat | wc -c | tr -d \" \"'\n");
    assert_eq!(home.printed(&[]), "0\n");
}

#[test]
fn a_command_that_does_not_read_is_no_failure() {
    let home = Home::with(
        "[[node]]\noutput = 'big'\nshell = 'head -c 1000000 /dev/zero | tr \"\\\\0\" x'\n\
         [[node]]\noutput = 'out'\ncommand = ['echo', 'unread']\nstdin = '{big}'\n",
    );
    assert_eq!(home.printed(&[]), "unread\n");
}
