//! Stores that can't be used: told, and left as they were.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::Home;

const ONE: &str = "name = 'p'\n[[node]]\noutput = 'out'\ncommand = ['touch', 'made']\n";

/// Says that no verb uses the file, and that none changes it.
fn untouched(content: &[u8], words: &[&str]) {
    let home = Home::with(ONE);
    home.file("x.db", content);
    let before: Vec<_> = names(&home);
    let words = [&["x.db"], words].concat();
    home.run(&["--store", "x.db"]).refuses(&words);
    home.flowglass(&["list", "--store", "x.db"]).refuses(&words);
    home.flowglass(&["show", "--store", "x.db"]).refuses(&words);
    assert!(fs::read(home.path("x.db")).unwrap() == content, "the file was changed");
    assert_eq!(names(&home), before);
}

fn names(home: &Home) -> Vec<String> {
    let names = fs::read_dir(home.root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Who only looks at a store shares the memory of its log with those who write it.
    let mut names: Vec<_> = names.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect();
    names.sort();
    names
}

/// The header of a database of somebody else.
fn database(application: u32) -> Vec<u8> {
    let mut header = b"SQLite format 3\0".to_vec();
    header.resize(4096, 0);
    header[43] = 1;
    header[68..72].copy_from_slice(&application.to_be_bytes());
    header
}

#[test]
fn files_of_something_else_are_left_alone() {
    let ours = ["no store of Flowglass", "name another file"];
    untouched(b"dear diary\n", &ours);
    untouched(&[0; 5000], &ours);
    untouched(&database(0), &ours);
    untouched(&database(0x0f05_5112), &ours);
    untouched(b"SQLite format 3\0cut", &["cut off"]);
}

#[test]
fn a_newer_store_is_left_alone() {
    let home = Home::with(ONE);
    home.run(&["--store", "x.db"]).ok();
    // Its format is another one, and what says which versions can read it is kept elsewhere.
    let mut content = fs::read(home.path("x.db")).unwrap();
    replace(&mut content, b"least_", b"where_");
    content[60..64].copy_from_slice(&99_u32.to_be_bytes());
    untouched(&content, &["format 99", "update Flowglass"]);
}

#[test]
fn a_store_cut_short_is_told_and_not_made_worse() {
    let home = Home::with(ONE);
    home.run(&["--store", "x.db"]).ok();
    let content = fs::read(home.path("x.db")).unwrap();
    for length in [4096, content.len() / 2] {
        home.file("x.db", &content[..length]);
        home.flowglass(&["list", "--store", "x.db"]).refuses(&["x.db"]);
        assert!(fs::read(home.path("x.db")).unwrap() == content[..length], "the file was changed");
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let home = Home::with(ONE);
    home.file("x.db", "");
    home.run(&["--store", "x.db"]).ok();
    assert_eq!(home.flowglass(&["list", "--json", "--store", "x.db"]).ok().json().as_array().unwrap().len(), 1);
}

#[test]
fn a_folder_or_a_place_below_a_file_is_refused() {
    let home = Home::with(ONE);
    home.folder("sub");
    home.run(&["--store", "sub"]).refuses(&["sub", "folder"]);
    home.run(&["--store", "p.toml/x.db"]).refuses(&["p.toml"]);
    home.run(&["--store", "/dev/null/x.db"]).refuses(&["/dev/null"]);
    assert!(!home.has("made"));
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let home = Home::with(ONE);
    home.folder("locked");
    fs::set_permissions(home.path("locked"), fs::Permissions::from_mode(0o555)).unwrap();
    // Permissions don't hold root back.
    if fs::write(home.path("locked/try"), "").is_ok() {
        return;
    }
    home.run(&["--store", "locked/x.db"]).refuses(&["locked", "permissions"]);
    assert!(!home.has("made"));
}

/// Puts bytes in the place of others, wherever they are.
fn replace(content: &mut [u8], from: &[u8], to: &[u8]) {
    let places: Vec<usize> = (0..content.len() - from.len()).filter(|at| content[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for at in places {
        content[at..at + from.len()].copy_from_slice(to);
    }
}
