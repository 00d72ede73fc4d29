//! Where relative paths start: at the file's folder, at the naming file, at the caller.

use std::fs;

use crate::harness::Home;

const PWD: &str = "[[node]]\noutput = 'out'\ncommand = ['pwd', '-P']\n";

fn real(home: &Home, name: &str) -> String {
    format!("{}\n", fs::canonicalize(home.path(name)).unwrap().display())
}

#[test]
fn commands_run_in_the_files_folder() {
    let home = Home::new();
    home.file("sub/p.toml", PWD);
    assert_eq!(home.flowglass(&["run", "sub/p.toml"]).ok().stdout, real(&home, "sub"));
}

#[test]
fn a_relative_cwd_starts_at_the_files_folder() {
    let home = Home::new();
    home.file("sub/p.toml", format!("{PWD}cwd = 'deep'\n")).folder("sub/deep");
    assert_eq!(home.flowglass(&["run", "sub/p.toml"]).ok().stdout, real(&home, "sub/deep"));
}

#[test]
fn a_cwd_that_is_not_there_is_named() {
    let home = Home::with(&format!("{PWD}cwd = 'deep'\n"));
    home.run(&[]).fails(&["out", "deep"]);
}

#[test]
fn nested_files_are_relative_to_the_file_that_names_them() {
    let home = Home::with("[[node]]\noutput = 'out'\npipeline = 'a/middle.toml'\n");
    home.file("a/middle.toml", "[[node]]\noutput = 'out'\npipeline = '../b/inner.toml'\n").file("b/inner.toml", PWD);
    assert_eq!(home.printed(&[]), real(&home, "b"));
}

#[test]
fn a_path_on_the_command_line_is_relative_to_the_caller() {
    let home = Home::new();
    home.file(
        "sub/p.toml",
        "[inputs]\nfile = { type = 'path', default = 'mine' }\n[[node]]\noutput = 'out'\ncommand = ['cat', '{file}']\n",
    );
    home.file("sub/mine", "by the file").file("mine", "by the caller").file("value", "mine\n");
    assert_eq!(home.flowglass(&["run", "sub/p.toml"]).ok().stdout, "by the file\n");
    assert_eq!(home.flowglass(&["run", "sub/p.toml", "file=mine"]).ok().stdout, "by the caller\n");
    assert_eq!(home.flowglass(&["run", "sub/p.toml", "file=@value"]).ok().stdout, "by the caller\n");
}

#[test]
fn paths_are_given_without_detours() {
    let home = Home::new();
    home.file(
        "sub/p.toml",
        "[inputs]\nfile = { type = 'path', default = '../sub/deep/../../docs' }\n[[node]]\noutput = 'out'\ncommand = ['echo', '{file}']\n",
    );
    home.folder("sub/deep").folder("docs");
    let docs = |folder: &str| format!("{}\n", home.path(folder).display());
    assert_eq!(home.flowglass(&["run", "sub/deep/../p.toml"]).ok().stdout, docs("docs"));
    assert_eq!(home.flowglass(&["run", "sub/p.toml", "file=sub/deep/../x"]).ok().stdout, docs("sub/x"));
}

#[test]
fn elements_that_only_the_caller_can_find_are_found() {
    let home = Home::new();
    home.file("sub/p.toml", "[inputs]\nfiles = { type = 'list' }\n[[node]]\noutput = 'out'\ncommand = ['cat', '{files}']\n");
    home.file("sub/both", "by the file\n").file("both", "by the caller\n").file("own", "own\n");
    assert_eq!(home.flowglass(&["run", "sub/p.toml", "files=both,own"]).ok().stdout, "by the file\nown\n");
}

#[test]
fn including_oneself_is_a_cycle() {
    let home = Home::with("[[node]]\noutput = 'out'\npipeline = 'p.toml'\n");
    home.run(&[]).refuses(&["p.toml:3:12", "cycle"]);
    let home = Home::with("[[node]]\noutput = 'out'\npipeline = 'b.toml'\n");
    home.file("b.toml", "[[node]]\noutput = 'out'\npipeline = './sub/../p.toml'\n").folder("sub");
    home.run(&[]).refuses(&["b.toml:3:12", "cycle", "p.toml"]);
}

#[test]
fn a_nested_file_that_is_missing_is_told_where_it_is_named() {
    let home = Home::with("[[node]]\noutput = 'out'\npipeline = 'iner.toml'\n");
    home.file("inner.toml", PWD);
    home.run(&[]).refuses(&["p.toml:3:12", "iner.toml", "did you mean", "inner.toml"]);
}
