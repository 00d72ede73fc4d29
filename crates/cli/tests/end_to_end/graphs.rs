//! `flowglass graph`: text and Mermaid.

use crate::harness::Home;

fn home() -> Home {
    let home = Home::with(
        "name = 'p'\nversion = '3'\n[inputs]\nxs = ['a']\nn = { type = 'int' }\n\
         [[node]]\noutput = 'each'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n\
         [[node]]\noutput = 'out'\npipeline = 'inner.toml'\ninputs = { y = 'each' }\n",
    );
    home.file("inner.toml", "[inputs]\ny = { type = 'list' }\n[[node]]\noutput = 'out'\nshell = 'touch made; echo {y}'\n");
    home
}

#[test]
fn text_says_what_each_node_reads_and_makes() {
    let home = home();
    let text = home.flowglass(&["graph", "p.toml"]).ok().stdout;
    for word in ["pipeline p", "version 3", "input xs", "input n", "each", "once for each x", "reads each", "out"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!home.has("made"), "a graph runs nothing");
    assert!(!home.has(".flowglass/flowglass.db"), "a graph is not kept");
}

#[test]
fn mermaid_is_a_flowchart() {
    let home = home();
    let text = home.flowglass(&["graph", "p.toml", "--mermaid"]).ok().stdout;
    assert!(text.starts_with("flowchart") && text.contains("-->") && text.contains("each"), "{text}");
    home.flowglass(&["graph", "p.toml", "--mermaid", "-o", "graph.mmd"]).ok();
    assert_eq!(home.read("graph.mmd"), text);
}

#[test]
fn a_bad_file_is_refused() {
    let home = Home::with("[[node]]\noutput = 'a'\ncommand = ['echo', '{b}']\n");
    home.flowglass(&["graph", "p.toml"]).refuses(&["p.toml:3:", "unknown name `b`"]);
}
