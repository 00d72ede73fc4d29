//! Whole files: what is understood of right ones, and everything that is said about wrong ones.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::data::{Data, InputType};
use crate::file::{Action, MapMode, Program};
use crate::parse_output::Parse;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, name: &str) -> Result<Arc<PipelineFile>, Diagnostics> {
        PipelineFile::load(&self.path().join(name))
    }
}

fn load(text: &str) -> Result<Arc<PipelineFile>, Diagnostics> {
    Folder::with(&[("a.toml", text)]).load("a.toml")
}

/// The problems of a text as `line:column message (help)` lines.
fn problems(text: &str) -> Vec<String> {
    let Err(problems) = load(text) else { return Vec::new() };
    problems.0.iter().map(shown).collect()
}

fn shown(problem: &Diagnostic) -> String {
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    format!("{}:{} {}{help}", problem.line, problem.column, problem.message)
}

fn assert_problem(text: &str, expected: &str) {
    let found = problems(text);
    assert!(found.len() == 1 && found[0].contains(expected), "{text}\nexpected: {expected}\nfound: {found:#?}");
}

const DIGEST: &str = r#"
name = "digest"
version = "1"

[inputs]
folder = "docs"
limit = { type = "int" }

[[node]]
output = "files"
shell = "find {folder} -name '*.md' | head -n {limit}"
parse = "lines"

[[node]]
output = "words"
command = ["wc", "-w", "{file}"]
map_over = { file = "files" }
timeout = "10s"
retry = 2

[[node]]
output = "summary"
pipeline = "sub/summary.toml"
inputs = { counts = "words" }
"#;

const SUMMARY: &str = r#"
[inputs]
counts = { type = "list" }
title = { type = "text", default = "Sum" }
where = { type = "path", default = "data" }

[[node]]
output = "summary"
command = ["cat"]
stdin = "{title}{counts}{where}"
"#;

#[test]
fn the_whole_example_is_understood() {
    let folder = Folder::with(&[("digest.toml", DIGEST), ("sub/summary.toml", SUMMARY)]);
    let file = folder.load("digest.toml").unwrap();
    assert_eq!((file.name.as_str(), file.version.as_deref()), ("digest", Some("1")));
    assert_eq!(file.folder, folder.path());
    assert_eq!(file.input("folder").unwrap().default, Some(Data::Text("docs".into())));
    assert_eq!((file.input("limit").unwrap().kind, &file.input("limit").unwrap().default), (InputType::Int, &None));
    let words = file.node_of_output("words").unwrap();
    assert_eq!((words.timeout, words.retry.as_ref().unwrap().attempts), (Some(Duration::from_secs(10)), 2));
    assert_eq!(bindings(words), ["file <- each files"]);
    let summary = file.node_of_output("summary").unwrap();
    assert_eq!(bindings(summary), ["counts <- words"]);
    let Action::Pipeline(nested) = &summary.action else { panic!("no pipeline") };
    assert_eq!(nested.name, "summary");
    assert_eq!(nested.folder, folder.path().join("sub"));
    let data = folder.path().join("sub/data").to_str().unwrap().to_owned();
    assert_eq!(nested.input("where").unwrap().default, Some(Data::Path(data)));
}

fn bindings(node: &crate::file::Node) -> Vec<String> {
    let shown = |binding: &crate::file::Binding| {
        let each = if binding.mapped { "each " } else { "" };
        format!("{} <- {each}{}", binding.inner, binding.outer)
    };
    node.bindings.iter().map(shown).collect()
}

#[test]
fn every_key_of_a_command_is_read() {
    let file = load(
        r#"
[inputs]
xs = ["a"]
ys = [1, 2.5, true]
n = 3
[[node]]
output = "out"
name = "my node"
command = ["head", "-n", 5, "{y}", "{x}", "{x:file}"]
map_over = { y = "ys", x = "xs" }
map_mode = "product"
parse = "jsonl"
cache = false
cwd = "sub"
env = { KEY = "v{n}", COUNT = 1 }
stdin = "{xs}"
watch = ["src/**/*.rs"]
"#,
    )
    .unwrap();
    let node = &file.nodes[0];
    assert_eq!((node.name.as_str(), node.map_mode, node.cache), ("my node", MapMode::Product, false));
    assert_eq!(bindings(node), ["y <- each ys", "x <- each xs", "n <- n", "xs <- xs"]);
    let Action::Command(command) = &node.action else { panic!("no command") };
    assert_eq!((command.parse, command.env[0].0.as_str()), (Parse::Jsonl, "KEY"));
    let Program::Argv(arguments) = &command.program else { panic!("no arguments") };
    assert_eq!(arguments[2].text(), "5");
}

#[test]
fn all_problems_are_told_in_their_order() {
    let text = r#"nam = "x"
[inputs]
limit = { typ = "int" }
a-b = 1
[[node]]
output = "x"
shell = "cat {lmit} `echo {limit}`"
parse = "line"
timeout = "10"
[[node]]
shell = "true"
comand = ["x"]
"#;
    let found = problems(text);
    let expected = [
        "1:1 `nam` is no key of a pipeline file (did you mean `name`?)",
        "3:11 `typ` is no key of an input (did you mean `type`?)",
        "4:1 `a-b` can't be an input's name",
        "7:14 unknown name `lmit` (did you mean `limit`?)",
        "7:27 a placeholder can't stand in backticks (write `$(…)` instead of backticks)",
        "8:9 `line` is no value of `parse` (did you mean `lines`?)",
        "9:11 `10` is no duration",
        "10:1 the node has no `output`",
        "12:1 `comand` is no key of a node (did you mean `command`?)",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} is not {expected}");
    }
}

#[test]
fn known_names_inside_an_expansion_are_not_taken_silently() {
    let with = |shell: &str| problems(&format!("[inputs]\nx = 'a'\n[[node]]\noutput = 'y'\nshell = '{shell}'\n"));
    let found = with("echo ${z:-{x}}");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("5:20 `{x}` inside `${…}` is the shell\u{27}s"), "{found:?}");
    assert!(found[0].contains("`x={x}`") && found[0].contains("`${…$x}`"), "{found:?}");
    assert!(with("echo ${z:-{x:file}}")[0].contains("`{x:file}` inside"));
    for fine in ["echo ${z:-{other}}", "echo ${x}", "x={x}; echo ${z:-$x}", "echo ${z:-${x}}"] {
        assert_eq!(with(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn unknown_names_are_marked_in_their_text() {
    assert_problem(
        "[inputs]\nfiles = ['a']\n[[node]]\noutput = 'n'\nshell = \"\\t# é\\nwc {fiels}\"",
        "5:20 unknown name `fiels` (did you mean `files`?)",
    );
    assert_problem(
        "[[node]]\noutput = 'n'\nshell = '''\necho\r\n  wc {x}'''",
        "5:6 unknown name `x` (inputs: none; outputs: n; literal braces are doubled)",
    );
    assert_problem("[[node]]\noutput = 'n'\ncommand = ['a', '{_}']", "3:18 unknown name `_`");
    assert_problem("[[node]]\noutput = 'n'\ncommand = ['a']\nmap_over = { a = 'b' }", "unknown name `b`");
    assert_problem("[[node]]\noutput = 'n'\ncommand = ['a']\nenv = { K = '{k}' }", "4:14 unknown name `k`");
}

#[test]
fn cycles_among_nodes_are_named() {
    let node = |output: &str, needs: &str| format!("[[node]]\noutput = '{output}'\ncommand = ['a', '{{{needs}}}']\n");
    assert_problem(&[node("a", "c"), node("b", "a"), node("c", "b")].concat(), "cycle: a → b → c → a");
    assert_problem(&node("a", "a"), "cycle: a → a");
}

#[test]
fn names_are_given_once() {
    let node = "[[node]]\noutput = 'x'\ncommand = ['a']\n";
    assert_problem(
        &[node, node].concat(),
        "5:10 two things give `x` (an output of that name is in line 2; choose another name)",
    );
    assert_problem(&["[inputs]\nx = 1\n", node].concat(), "an input of that name is in line 2");
    let named = "[[node]]\nname = 'x'\noutput = 'y'\ncommand = ['a']\n";
    assert_problem(&[node, named].concat(), "two nodes are called `x`");
}

#[test]
fn one_action_with_fitting_keys() {
    let node = |rest: &str| format!("[inputs]\nt = 'x'\n[[node]]\noutput = 'n'\n{rest}\n");
    assert_problem(&node(""), "the node does nothing");
    assert_problem(&node("shell = 'a'\ncommand = ['a']"), "a node has only one of `shell`, `command`");
    assert_problem(&node("command = 'wc -w'"), "`command` must be a list, not text");
    assert_problem(&node("shell = ['wc']"), "`shell` must be text, not a list");
    assert_problem(&node("command = []"), "the command is empty");
    assert_problem(&node("shell = ' '"), "the shell text is empty");
    assert_problem(&node("shell = 'a'\ninputs = { x = 't' }"), "`inputs` is for nested pipelines");
    assert_problem(&node("shell = 'a'\nmap_over = { x = 't' }"), "`t` is text, not a list");
    assert_problem(&node("shell = 'a'\nmap_over = 't'"), "`map_over` must be a table of names, not text");
    assert_problem(&node("shell = 'a'\nmap_mode = 'zip'"), "`map_mode` without `map_over`");
    assert_problem(&node("shell = 'a'\nwatch = ['[']"), "the glob is wrong");
    assert_problem(&node("shell = 'a'\nenv = { 'A=B' = 'x' }"), "can't be the name of a variable");
    assert_problem(&node("shell = 'a'\ntimeout = '0s'"), "lets nothing run");
    assert_problem(&node("shell = 'a'\ntimeout = 10"), "text with a unit");
    assert_problem("[[nodes]]\noutput = 'n'\nshell = 'a'", "`nodes` is no key of a pipeline file (did you mean `node`?)");
    assert_problem("[node]\noutput = 'n'\nshell = 'a'", "write `[[node]]`");
    assert_problem("node = [1]", "a node must be a table");
}

#[test]
fn lists_inside_words_are_found_before_a_run() {
    let node = |rest: &str| format!("[inputs]\nxs = ['x']\n[[node]]\noutput = 'n'\n{rest}\n");
    assert_problem(
        &node("command = ['a', '--x={xs}']"),
        "6:6 `{xs}` is a list inside a larger word".replace("6:6", "5:22").as_str(),
    );
    assert_problem(&node("shell = 'a -x{xs}'"), "list inside a larger word");
    assert_problem(&node("shell = 'a'\ncwd = '{xs}'"), "list inside a larger word");
    assert!(load(&node("shell = 'a \"{xs}\" {xs:file}.x'\nstdin = 'a{xs}'")).is_ok());
}

#[test]
fn inputs_have_a_type_or_a_default() {
    let input = |declaration: &str| format!("[inputs]\nx = {declaration}\n[[node]]\noutput = 'n'\nshell = 'a'\n");
    assert_problem(&input("{}"), "the input `x` has no type");
    assert_problem(&input("{ type = 'integer' }"), "`integer` is no value of `type`");
    assert_problem(&input("{ type = 'int', default = 'a' }"), "expected int, not text");
    assert_problem(&input("{ default = 99999999999999999999 }"), "too large");
    let kind = |declaration: &str| load(&input(declaration)).unwrap().inputs[0].clone();
    assert_eq!(kind("{ default = 0x10 }").default, Some(Data::Int(16)));
    assert_eq!(kind("{ type = 'float', default = 1 }").default, Some(Data::Float(1.0)));
    assert_eq!(kind("{ type = 'json', default = { a = [1] } }").default, Some(Data::Json(serde_json::json!({"a": [1]}))));
    assert_eq!(kind("2024-01-02").default, Some(Data::Text("2024-01-02".into())));
}

#[test]
fn syntax_problems_are_all_told() {
    let found = problems("a = \nb = 'x\n[[node]\n");
    assert!(found.len() >= 3, "{found:#?}");
    assert!(found[0].starts_with("1:"), "{found:#?}");
    assert!(!problems("a = 1\na = 2\n").is_empty());
    assert!(problems("x = \"\u{1}\"").len() == 1);
}

#[test]
fn odd_files_are_explained() {
    assert_problem("", "1:1 the pipeline has no nodes");
    assert_problem("\u{feff}name = 'x'\r\n", "the pipeline has no nodes");
    assert!(load("\u{feff}[[node]]\r\noutput = 'x'\r\nshell = 'a'\r\n").is_ok());
    let folder = Folder::with(&[("digest.toml", "")]);
    assert!(folder.load("digset.toml").unwrap_err().to_string().contains("did you mean"));
    assert!(folder.load(".").unwrap_err().to_string().contains("this is a folder"));
    std::fs::write(folder.path().join("bad.toml"), b"\xff").unwrap();
    assert!(folder.load("bad.toml").unwrap_err().to_string().contains("not UTF-8"));
}

fn nested_problems(outer: &str, inner: &str) -> Vec<String> {
    let folder = Folder::with(&[("outer.toml", outer), ("inner.toml", inner)]);
    let Err(problems) = folder.load("outer.toml") else { return Vec::new() };
    let name = |problem: &Diagnostic| problem.file.file_name().unwrap().to_str().unwrap().to_owned();
    problems.0.iter().map(|problem| format!("{}:{}", name(problem), shown(problem))).collect()
}

const INNER: &str = "[inputs]\ntext = { type = 'text' }\nn = { type = 'int', default = 1 }\n[[node]]\noutput = 'report'\nshell = 'echo {text} {n}'\n";

#[test]
fn nested_names_are_looked_up_on_both_sides() {
    let outer = |rest: &str| format!("[inputs]\ndoc = 'x'\ndocs = ['x']\n[[node]]\npipeline = 'inner.toml'\n{rest}\n");
    let one = |rest: &str, expected: &str| {
        let found = nested_problems(&outer(rest), INNER);
        assert!(found.len() == 1 && found[0].contains(expected), "{rest}: {expected}\n{found:#?}");
    };
    assert!(nested_problems(&outer("output = 'report'\ninputs = { text = 'doc' }"), INNER).is_empty());
    assert!(nested_problems(&outer("outputs = { r = 'report' }\nmap_over = { text = 'docs' }"), INNER).is_empty());
    one("output = 'report'", "outer.toml:5:12 `inner.toml` needs `text` (text)");
    one("output = 'reprot'\ninputs = { text = 'doc' }", "has no output `reprot` (did you mean `report`?)");
    one("outputs = { r = 'x' }\ninputs = { text = 'doc' }", "has no output `x` (it gives report");
    one("output = 'report'\ninputs = { text = 'doc', m = 'doc' }", "has no input `m`");
    one("output = 'report'\ninputs = { text = 'dog' }", "unknown name `dog` (did you mean `doc`?)");
    one("output = 'report'\ninputs = { text = 'docs' }", "`docs` is a list, and `text` needs text");
    one("output = 'report'\ninputs = { text = 'doc', n = 'doc' }", "`doc` is text, and `n` needs int");
    one("output = 'report'\nmap_over = { text = 'docs' }\ninputs = { text = 'doc' }", "`text` is given twice");
    one("inputs = { text = 'doc' }", "has no `output`");
    one("output = 'report'\ninputs = { text = 'doc' }\nstdin = 'x'", "`stdin` is for commands");
}

#[test]
fn unnamed_inner_inputs_take_the_same_name() {
    let outer = "[inputs]\ntext = 'x'\n[[node]]\noutput = 'report'\npipeline = 'inner.toml'\n[[node]]\noutput = 'all'\ncommand = ['a', '{report}']";
    let folder = Folder::with(&[("outer.toml", outer), ("inner.toml", INNER)]);
    let file = folder.load("outer.toml").unwrap();
    assert_eq!(bindings(&file.nodes[0]), ["text <- text"]);
}

#[test]
fn shapes_come_out_of_nested_files() {
    let inner = "[[node]]\noutput = 'lines'\nshell = 'ls'\nparse = 'lines'\n";
    let outer =
        "[[node]]\noutputs = { ls = 'lines' }\npipeline = 'inner.toml'\n[[node]]\noutput = 'o'\ncommand = ['a', 'x{ls}']";
    let found = nested_problems(outer, inner);
    assert!(found.len() == 1 && found[0].contains("`{ls}` is a list inside"), "{found:#?}");
}

#[test]
fn problems_of_all_files_are_told() {
    let outer = "[[node]]\noutput = 'a'\npipeline = 'inner.toml'\n[[node]]\noutput = 'b'\npipeline = 'iner.toml'\n[[node]]\noutput = 'c'\nshell = '{x}'\n[[node]]\noutput = 'd'\npipeline = 'inner.toml'";
    let found = nested_problems(outer, "[[node]]\noutput = 'x'\nshell = '{y}'\n");
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found.iter().any(|problem| problem.starts_with("inner.toml:3:10 unknown name `y`")));
    assert!(found.iter().any(|problem| problem.contains("iner.toml`: no such file (did you mean")), "{found:#?}");
}

#[test]
fn files_that_contain_themselves_are_a_cycle() {
    let nests = |file: &str| format!("[[node]]\noutput = 'x'\npipeline = '{file}'\n");
    let folder = Folder::with(&[("a.toml", &nests("sub/b.toml")), ("sub/b.toml", &nests("../a.toml"))]);
    let problems = folder.load("a.toml").unwrap_err();
    assert_eq!(problems.0.len(), 1);
    let problem = problems.0[0].to_string();
    assert!(problem.contains("sub/b.toml:3:12: cycle: ") && problem.matches("a.toml").count() >= 2, "{problem}");
    let folder = Folder::with(&[("a.toml", &nests("./a.toml"))]);
    assert!(folder.load("a.toml").unwrap_err().to_string().contains("cycle"));
}

#[test]
fn nesting_has_an_end() {
    let files: Vec<(String, String)> =
        (0..80).map(|at| (format!("{at}.toml"), format!("[[node]]\noutput = 'x'\npipeline = '{}.toml'\n", at + 1))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert!(Folder::with(&files).load("0.toml").unwrap_err().to_string().contains("deeper than 64"));
}

#[test]
fn a_file_with_very_many_nodes_loads() {
    let node = |at: usize| format!("[[node]]\noutput = 'n{at}'\ncommand = ['a', '{{n{}}}']\n", at + 1);
    let mut text: String = (0..5_000).map(node).collect();
    text += "[[node]]\noutput = 'n5000'\nshell = 'a'\n";
    assert_eq!(load(&text).unwrap().nodes.len(), 5_001);
}

#[test]
fn any_change_of_a_file_is_read_without_a_panic() {
    let mut random = fastrand::Rng::with_seed(3);
    let parts =
        ["[[node]]", "\n", "'", "\"", "{", "}", "=", "$", "`", "é", "output", "x", "\\", "[", "]", "\"\"\"", "\0", "\r\n"];
    for _ in 0..1_500 {
        let mut text = DIGEST.replace("sub/summary.toml", "none.toml");
        for _ in 0..random.usize(1..4) {
            let at = text.floor_char_boundary(random.usize(0..text.len()));
            text.insert_str(at, parts[random.usize(0..parts.len())]);
        }
        if let Err(problems) = load(&text) {
            assert!(!problems.render(true).is_empty());
        }
    }
}
