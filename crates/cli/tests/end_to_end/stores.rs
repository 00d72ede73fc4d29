//! Which store is written and read.

use crate::harness::Home;

const ONE: &str = "name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['echo', 'x']\n";

fn runs(home: &Home, arguments: &[&str]) -> usize {
    let listed = home.flowglass(&[&["list", "--json"], arguments].concat()).ok().json();
    listed.as_array().unwrap().len()
}

#[test]
fn it_is_made_here_on_first_use() {
    let home = Home::bare();
    // Somebody's own store above the temporary folder would be found, and is none of this test's business.
    if home.root().ancestors().any(|folder| folder.join(".flowglass").is_dir()) {
        return;
    }
    home.file("p.toml", ONE);
    home.run(&[]).ok();
    assert!(home.has(".flowglass/flowglass.db"));
}

#[test]
fn the_nearest_folder_upwards_is_taken() {
    let home = Home::with(ONE);
    home.folder("a/b").folder("c/.flowglass").folder("c/d");
    let from = |folder: &str| home.call(&["run", "../../p.toml"]).within(&home.path(folder)).end().ok();
    from("a/b");
    assert!(home.has(".flowglass/flowglass.db") && !home.has("a/b/.flowglass"));
    from("c/d");
    assert!(home.has("c/.flowglass/flowglass.db"));
    assert_eq!(runs(&home, &[]), 1);
    assert_eq!(runs(&home, &["--store", "c/.flowglass/flowglass.db"]), 1);
}

#[test]
fn every_verb_takes_a_named_store() {
    let home = Home::with(ONE);
    let id = home.run(&["--store", "deep/team.db"]).ok().tells(&["deep/team.db"]).run_id();
    assert!(home.has("deep/team.db") && !home.has(".flowglass/flowglass.db"));
    assert_eq!(runs(&home, &["--store", "deep/team.db"]), 1);
    assert_eq!(runs(&home, &["--store", "sqlite://deep/team.db"]), 1);
    home.flowglass(&["show", &id, "--store", "deep/team.db"]).ok();
    home.run(&["--store", "deep/team.db", "--resume", &id]).ok();
    let listed = home.call(&["list", "--json"]).env("FLOWGLASS_STORE", "deep/team.db").end().ok().json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[test]
fn the_environment_names_a_store_and_the_flag_wins() {
    let home = Home::with(ONE);
    let run = |arguments: &[&str]| home.call(arguments).env("FLOWGLASS_STORE", "env.db").end().ok();
    run(&["run", "p.toml"]);
    run(&["run", "p.toml", "--store", "flag.db"]);
    assert_eq!((runs(&home, &["--store", "env.db"]), runs(&home, &["--store", "flag.db"])), (1, 1));
}

#[test]
fn an_empty_variable_names_no_store_and_an_empty_argument_is_a_mistake() {
    let home = Home::with(ONE);
    home.call(&["run", "p.toml"]).env("FLOWGLASS_STORE", "").end().ok();
    assert!(home.has(".flowglass/flowglass.db"));
    home.run(&["--store", ""]).refuses(&["the store's path is empty"]);
    home.call(&["run", "p.toml", "--store", ""]).env("FLOWGLASS_STORE", "env.db").end().refuses(&["path is empty"]);
}

#[test]
fn reading_makes_no_store() {
    let home = Home::new();
    home.flowglass(&["list"]).refuses(&["flowglass.db"]);
    home.flowglass(&["show"]).refuses(&["flowglass.db"]);
    home.flowglass(&["list", "--store", "none.db"]).refuses(&["none.db"]);
    assert!(!home.has(".flowglass/flowglass.db") && !home.has("none.db"));
}

#[test]
fn other_kinds_of_stores_are_refused_clearly() {
    let home = Home::with(ONE);
    home.run(&["--store", "postgres://host:port/db"]).refuses(&["postgres://host:port/db"]);
    home.run(&["--store", ""]).refuses(&["empty"]);
}

#[test]
fn a_server_that_is_away_is_waited_for_in_a_folder() {
    let home = Home::with(ONE);
    // Nobody listens at this port, which only the system may open.
    let ended = home.run(&["--store", "postgres://127.0.0.1:1/db"]).ok();
    ended.tells(&["postgres://127.0.0.1:1/db is away", "waits in .flowglass/spool/postgres-"]);
}
