//! `flowglass show`.

use flowglass::prelude::*;
use serde_json::Value;

use crate::harness::Home;

fn home() -> Home {
    let home = Home::with(
        "name = 'p'\n[inputs]\nxs = [1, 2]\n[[node]]\noutput = 'a'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n[[node]]\noutput = 'b'\ncommand = ['echo', '{a}']\n",
    );
    home.run(&[]).ok();
    home
}

fn shown(home: &Home, arguments: &[&str]) -> String {
    home.flowglass(&[&["show"], arguments].concat()).ok().stdout
}

#[test]
fn the_tree_and_the_waterfall_are_both_shown_or_either() {
    let home = home();
    let (both, tree, waterfall) = (shown(&home, &[]), shown(&home, &["--tree"]), shown(&home, &["--waterfall"]));
    assert_eq!(both, format!("{tree}\n{waterfall}"));
    assert!(!tree.contains('━') && waterfall.contains('━'), "{both}");
    for name in ["p", "a", "b"] {
        assert!(tree.contains(name) && waterfall.contains(name), "{both}");
    }
    assert!(shown(&home, &["--summary"]).contains("SHARE"));
}

#[test]
fn a_long_map_is_folded_unless_all_is_asked_for() {
    let home = Home::with(
        "name = 'p'\n[[node]]\noutput = 'xs'\nshell = 'seq 40'\nparse = 'lines'\n\
         [[node]]\noutput = 'a'\nshell = 'test {x} != 7'\nmap_over = { x = 'xs' }\n",
    );
    home.run(&[]).exits(1);
    for view in ["--tree", "--waterfall"] {
        let (folded, all) = (shown(&home, &[view]), shown(&home, &[view, "--all"]));
        assert!(folded.contains("… 32 more items (p50 "), "{folded}");
        assert!(folded.contains("[6] 7"), "the failed one is always there: {folded}");
        assert!((0..40).all(|index| all.contains(&format!("[{index}]"))) && !all.contains("more items"), "{all}");
    }
}

#[test]
fn items_say_what_they_work_on_harmlessly() {
    let home = Home::with(
        "name = 'p'\n[inputs]\nxs = ['docs/one/two.md', \"a\\u001b[2Jb\"]\n\
         [[node]]\noutput = 'a'\ncommand = ['echo', '{x}']\nmap_over = { x = 'xs' }\n",
    );
    home.run(&[]).ok();
    for view in ["--tree", "--waterfall", "--svg"] {
        let shown = shown(&home, &[view]);
        assert!(shown.contains("docs/one/two.md") && shown.contains("a␛[2Jb"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn json_has_the_run_its_graph_and_its_spans() {
    let shown = home().shown();
    assert_eq!(shown["run"]["name"], "p");
    let nodes: Vec<&str> =
        shown["graph"]["nodes"].as_array().unwrap().iter().map(|node| node["name"].as_str().unwrap()).collect();
    assert_eq!(nodes, ["a", "b"]);
    let spans = shown["spans"].as_array().unwrap();
    let mut names: Vec<&str> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["item 0", "item 1", "map a", "node b", "pipeline p"]);
    let parent = |name: &str| {
        let span = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap();
        let parent: &Value = &span(name)["parent_id"];
        spans.iter().find(|span| &span["span_id"] == parent).map(|span| span["name"].as_str().unwrap())
    };
    assert_eq!((parent("item 0"), parent("map a"), parent("pipeline p")), (Some("map a"), Some("pipeline p"), None));
}

#[test]
fn a_picture_is_written_to_a_file() {
    let home = home();
    assert_eq!(shown(&home, &["--svg", "-o", "run.svg"]), "");
    assert!(home.read("run.svg").starts_with("<svg"));
    assert_eq!(shown(&home, &["-o", "run.txt", "--color", "always"]), "");
    assert!(home.read("run.txt").contains('━') && !home.read("run.txt").contains('\u{1b}'));
    home.flowglass(&["show", "-o", "no/folder"]).refuses(&["no/folder"]);
}

#[test]
fn a_trace_that_began_with_a_span_is_shown_whole_by_its_id_and_each_run_by_its_own() {
    let home = Home::new();
    let pipeline = Pipeline::builder("digest").node(node_fn!("double", |number: i64| -> i64 { number * 2 })).build().unwrap();
    let recorder = telemetry::sqlite(home.path(".flowglass/flowglass.db")).unwrap();
    let request = recorder.root_span("request");
    let runs = [1_i64, 2].map(|number| pipeline.run(inputs! { number: number }).wait().unwrap().id());
    drop(request);
    recorder.shutdown(std::time::Duration::from_secs(60)).unwrap();
    let names = |id: &str| {
        let shown = home.flowglass(&["show", id, "--json"]).ok().json();
        let spans = shown["spans"].as_array().unwrap().iter();
        spans.map(|span| span["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let of_run = ["pipeline digest", "node double"];
    assert_eq!(names(&runs[0].trace.to_string()), [&["request"][..], &of_run, &of_run].concat());
    assert_eq!([names(&runs[0].to_string()), names(&runs[1].to_string())], [of_run; 2]);
    home.flowglass(&["show", &runs[0].trace.to_string()[..8]]).refuses(&["several runs", &runs[1].to_string()]);
    let stats = home.flowglass(&["list", "--json"]).ok().json();
    let counted = |name: &str| stats.as_array().unwrap().iter().filter(|run| run["name"] == name).count();
    assert_eq!((counted("digest"), counted("request")), (2, 1));
}

#[test]
fn the_newest_run_is_the_one_that_is_shown() {
    let home = home();
    home.file("q.toml", "name = 'q'\n[[node]]\noutput = 'out'\ncommand = ['echo']\n");
    home.flowglass(&["run", "q.toml"]).ok();
    assert!(shown(&home, &["--tree"]).contains('q'));
}

#[test]
fn cached_nodes_are_marked() {
    let home = home();
    home.run(&[]).ok();
    assert!(shown(&home, &["--waterfall"]).contains('⚡'));
}
