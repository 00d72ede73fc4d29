//! The census as a Rust program, run as a person would run it.

use std::path::Path;
use std::process::Command;

/// Builds the example where it isn't yet, and runs it in a folder.
fn census(folder: &Path) -> String {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--manifest-path", manifest, "--example", "census", "--", "sources"]);
    let output = command.current_dir(folder).output().unwrap();
    let (printed, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{printed}{told}");
    printed.into_owned()
}

#[test]
fn the_census_reports_and_comes_from_the_cache_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("sources/inner")).unwrap();
    std::fs::write(folder.path().join("sources/a.rs"), "/// Says so.\nfn a() {\n    b();\n}\n").unwrap();
    std::fs::write(folder.path().join("sources/inner/b.rs"), "pub(crate) fn b() {}\n").unwrap();
    let first = census(folder.path());
    assert!(first.contains("    3     1        3  a.rs\n    1     0        0  inner/b.rs\n"), "{first}");
    assert!(first.contains("portraits ×2") && !first.contains('⚡'), "{first}");
    // Everything but the reading, which is never cached: two items of three nodes, and the report.
    let again = census(folder.path());
    assert!(again.contains("7 of 8 nodes came from the cache"), "{again}");
}
