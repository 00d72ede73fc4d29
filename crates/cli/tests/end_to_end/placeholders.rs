//! Values in commands: placeholders, braces, lists, files.

use crate::harness::Home;

/// Runs one node and returns what it printed, without the last line break.
fn prints(inputs: &str, node: &str) -> String {
    let home = Home::with(&format!("[inputs]\n{inputs}\n[[node]]\noutput = 'out'\n{node}\n"));
    let printed = home.printed(&[]);
    printed.strip_suffix('\n').unwrap_or(&printed).to_owned()
}

fn fails(inputs: &str, node: &str, words: &[&str]) {
    let home = Home::with(&format!("[inputs]\n{inputs}\n[[node]]\noutput = 'out'\n{node}\n"));
    home.run(&[]).fails(words);
}

fn refuses(node: &str, words: &[&str]) {
    let home = Home::with(&format!("[inputs]\nname = 'n'\nxs = ['a']\n[[node]]\noutput = 'out'\n{node}\n"));
    home.run(&[]).refuses(words);
}

#[test]
fn inputs_and_outputs_are_put_in() {
    let home = Home::with(
        "[inputs]\nname = 'Ada'\n\
         [[node]]\noutput = 'greeting'\ncommand = ['echo', 'Hello {name}']\n\
         [[node]]\noutput = 'loud'\nshell = 'echo {greeting}, {name}!'\n",
    );
    assert_eq!(home.printed(&[]), "Hello Ada, Ada!\n");
}

#[test]
fn doubled_braces_are_literal_in_both_forms() {
    assert_eq!(prints("x = 1", "command = ['echo', '{{x}} {x} {{{x}}}']"), "{x} 1 {1}");
    assert_eq!(prints("x = 1", "shell = 'echo \"{{x}} {x}\"'"), "{x} 1");
}

#[test]
fn dollar_braces_belong_to_the_shell() {
    assert_eq!(prints("x = 1", "shell = 'y=2; echo ${y} ${z:-4} {x}'\nenv = { z = '3' }"), "2 3 1");
    assert_eq!(prints("x = 1", "shell = 'y=2; echo \"${y}{x}\"'"), "21");
}

#[test]
fn braces_around_no_name_are_literal() {
    assert_eq!(prints("x = 1", "command = ['echo', '{}', '{ x }', '{1,2}']"), "{} { x } {1,2}");
}

#[test]
fn a_comment_takes_no_placeholder() {
    refuses("shell = 'touch made # {name}'", &["p.toml:6:", "comment", "{{name}}"]);
}

#[test]
fn an_unknown_name_is_told_when_the_file_is_loaded() {
    refuses("command = ['touch', 'made', '{nmae}']", &["p.toml:6:", "unknown name `nmae`", "did you mean `name`?"]);
    refuses("shell = 'touch made {nmae}'", &["p.toml:6:", "unknown name `nmae`", "did you mean `name`?"]);
}

#[test]
fn a_list_that_stands_alone_becomes_arguments() {
    assert_eq!(prints("xs = ['a b', '', 'c']", "command = ['printf', '<%s>', '{xs}']"), "<a b><><c>");
    assert_eq!(prints("xs = ['a b', '', 'c']", "shell = \"printf '<%s>' {xs}\""), "<a b><><c>");
    assert_eq!(prints("xs = ['a b', '', 'c']", "shell = \"printf '<%s>' \\\"{xs}\\\"\""), "<a b><><c>");
}

#[test]
fn an_empty_list_becomes_no_argument() {
    assert_eq!(prints("xs = []", "command = ['sh', '-c', 'echo $#', 'sh', '{xs}']"), "0");
    assert_eq!(prints("xs = []", "shell = 'set -- {xs}; echo $#'"), "0");
}

#[test]
fn a_list_inside_an_argument_is_an_error() {
    refuses("command = ['echo', '--all={xs}']", &["p.toml:6:", "list inside a larger word"]);
    refuses("shell = 'echo --all={xs}'", &["list inside a larger word"]);
    // Whether a JSON output is a list shows only when it is there.
    let home = Home::with(
        "[[node]]\noutput = 'xs'\ncommand = ['echo', '[1, 2]']\nparse = 'json'\n\
         [[node]]\noutput = 'out'\ncommand = ['echo', 'x{xs}']\n",
    );
    home.run(&[]).fails(&["out", "list", "xs"]);
}

#[test]
fn scalars_print_plainly_and_objects_as_compact_json() {
    assert_eq!(prints("a = 1\nb = 2.5\nc = true", "command = ['echo', '{a} {b} {c}']"), "1 2.5 true");
    let object = "o = { type = 'json', default = { k = [1, 'x'] } }";
    assert_eq!(prints(object, "command = ['echo', '{o}']"), r#"{"k":[1,"x"]}"#);
    assert_eq!(prints(object, "shell = 'echo {o}'"), r#"{"k":[1,"x"]}"#);
}

#[test]
fn a_file_holds_the_value_and_goes_away() {
    let home = Home::with(
        "[inputs]\ntext = 'in a file'\n\
         [[node]]\noutput = 'out'\nshell = 'echo {text:file} > name; cat {text:file}'\n",
    );
    assert_eq!(home.printed(&[]), "in a file\n");
    let name = home.read("name");
    assert!(!std::path::Path::new(name.trim()).exists(), "{name} is left over");
}

#[test]
fn a_file_holds_a_list_a_line_an_element() {
    assert_eq!(prints("xs = ['a', 'b']", "command = ['cat', '{xs:file}']"), "a\nb");
}

#[test]
fn a_value_too_long_for_a_variable_advises_what_to_do() {
    let long = "[[node]]\noutput = 'long'\nshell = 'head -c 140000 /dev/zero | tr \"\\\\0\" x'\n";
    let with = |node: &str| Home::with(&format!("{long}[[node]]\noutput = 'out'\n{node}\n"));
    with("shell = 'echo {long}'").run(&[]).fails(&["stdin", ":file}"]);
    with("command = ['echo', '{long}']").run(&[]).fails(&["stdin", ":file}"]);
    assert_eq!(with("shell = 'wc -c < {long:file}'").printed(&[]).trim(), "140000");
    assert_eq!(with("shell = 'wc -c'\nstdin = '{long}'").printed(&[]).trim(), "140000");
}

#[test]
fn heredocs_and_backticks_take_no_placeholder() {
    refuses("shell = '''\ncat <<END\n{name}\nEND\n'''", &["here", "stdin"]);
    refuses("shell = 'echo `echo {name}`'", &["backticks", "$("]);
    assert_eq!(prints("name = 'n'", "shell = 'echo $(echo {name})'"), "n");
}

#[test]
fn a_zero_byte_fits_into_no_argument() {
    fails("t = \"a\\u0000b\"", "command = ['echo', '{t}']", &["zero byte"]);
    assert_eq!(prints("t = \"a\\u0000b\"", "command = ['wc', '-c']\nstdin = '{t}'").trim(), "3");
}

#[test]
fn variables_of_a_node_hold_values() {
    assert_eq!(prints("n = 3", "shell = 'echo $KEY'\nenv = { KEY = 'v{n}' }"), "v3");
}
