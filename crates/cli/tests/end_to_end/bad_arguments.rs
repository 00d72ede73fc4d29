//! Wrong usage: told, exit 2, nothing done.

use crate::harness::Home;

fn home() -> Home {
    Home::with("[[node]]\noutput = 'a'\ncommand = ['touch', 'made']\n")
}

#[test]
fn wrong_usage_exits_with_two() {
    let home = home();
    home.flowglass(&[]).exits(2);
    home.flowglass(&["grpah"]).refuses(&["'graph'"]);
    home.flowglass(&["run"]).refuses(&["<FILE>"]);
    home.run(&["--no-such-flag"]).refuses(&["--no-such-flag"]);
    home.run(&["--max-workers", "0"]).refuses(&["--max-workers"]);
    home.run(&["--map-items", "2"]).refuses(&["--map-items 2", "0 to 1"]);
    home.run(&["--map-mode", "sum"]).refuses(&["zip", "product"]);
    home.run(&["--json", "--output", "a"]).refuses(&["--json", "--output"]);
    home.flowglass(&["show", "--json", "--tree"]).refuses(&["--json", "--tree"]);
    assert!(!home.has("made") && !home.has(".flowglass/flowglass.db"));
}

#[test]
fn help_and_version_are_data() {
    let home = home();
    assert!(home.flowglass(&["--help"]).ok().stdout.contains("Run a pipeline file"));
    assert!(home.flowglass(&["run", "--help"]).ok().stdout.contains("--resume"));
    assert_eq!(home.flowglass(&["--version"]).ok().stdout, concat!("flowglass ", env!("CARGO_PKG_VERSION"), "\n"));
}
