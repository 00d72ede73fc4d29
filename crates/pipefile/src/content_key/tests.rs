//! What is in a key and what isn't.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::parse_output::Parse;

struct Project {
    folder: tempfile::TempDir,
    digests: FileDigests,
    ignored: Vec<PathBuf>,
}

impl Project {
    fn with(files: &[(&str, &str)]) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap(), digests: FileDigests::default(), ignored: Vec::new() };
        files.iter().for_each(|(name, text)| project.write(name, text));
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn key(&self) -> ContentKey<'_> {
        ContentKey { cwd: self.folder.path(), digests: &self.digests, ignored: &self.ignored }
    }

    fn value(&self, value: &Data) -> BTreeMap<String, Vec<u8>> {
        collect(|part| self.key().value("x", value, part))
    }

    fn command(&self, spec: &CommandSpec) -> BTreeMap<String, Vec<u8>> {
        collect(|part| self.key().command(spec, &Values::new(), part))
    }
}

fn collect(give: impl Fn(&mut PartSink<'_>) -> Result<(), Error>) -> BTreeMap<String, Vec<u8>> {
    let mut parts = BTreeMap::new();
    give(&mut |name, bytes| {
        parts.insert(name.to_owned(), bytes.to_vec());
    })
    .unwrap();
    parts
}

fn argv(arguments: &[&str]) -> CommandSpec {
    let program = Program::Argv(arguments.iter().map(|argument| Template::parse(argument).unwrap()).collect());
    CommandSpec { program, parse: Parse::Text, cwd: None, env: Vec::new(), stdin: None, watch: Vec::new() }
}

fn watching(globs: &[&str]) -> CommandSpec {
    CommandSpec { watch: globs.iter().map(|glob| Template::parse(glob).unwrap()).collect(), ..argv(&["true"]) }
}

#[test]
fn a_plain_value_is_itself() {
    let project = Project::with(&[]);
    for value in [Data::Int(1), "no such file".into(), "".into(), "/".into(), "a\0b".into(), Data::Bytes(b"a".to_vec())] {
        assert_eq!(project.value(&value).keys().collect::<Vec<_>>(), ["input.x"], "{value:?}");
    }
}

#[test]
fn a_file_counts_by_its_bytes() {
    let project = Project::with(&[("a.txt", "one"), ("b.txt", "one")]);
    let before = project.value(&"a.txt".into());
    project.write("a.txt", "one");
    assert_eq!(project.value(&"a.txt".into()), before);
    assert_eq!(project.value(&"b.txt".into())["input.x.content"], before["input.x.content"]);
    project.write("a.txt", "two");
    assert_ne!(project.value(&"a.txt".into()), before);
    assert!(project.value(&Data::Path(project.path("a.txt").to_str().unwrap().into())).contains_key("input.x.content"));
}

#[test]
fn elements_of_a_list_count_each() {
    let project = Project::with(&[("a", "1"), ("b", "2")]);
    let list: Data = ["a", "none", "b"].into_iter().collect();
    let before = project.value(&list);
    project.write("b", "3");
    assert_ne!(project.value(&list)["input.x.content"], before["input.x.content"]);
    assert_eq!(project.value(&list)["input.x"], before["input.x"]);
}

#[test]
fn a_folder_counts_by_its_listing() {
    let project = Project::with(&[("docs/a", "1"), ("docs/sub/b", "2")]);
    let docs = || project.value(&"docs".into())["input.x.content"].clone();
    let first = docs();
    assert_eq!(docs(), first);
    project.write("docs/sub/b", "longer");
    let second = docs();
    assert_ne!(second, first);
    project.write("docs/c", "");
    assert_ne!(docs(), second);
    std::fs::remove_file(project.path("docs/c")).unwrap();
    assert_eq!(docs(), second);
    project.write("docs/.flowglass/store", "x");
    assert_eq!(docs(), second);
}

#[test]
fn ignored_paths_don_t_count() {
    let mut project = Project::with(&[("docs/a", "1"), ("docs/runs.db", "1"), ("docs/runs.db-wal", "1")]);
    project.ignored = vec![project.path("docs/runs.db")];
    let before = project.value(&"docs".into());
    project.write("docs/runs.db-wal", "22");
    assert_eq!(project.value(&"docs".into()), before);
    assert!(!project.value(&"docs/runs.db".into()).contains_key("input.x.content"));
}

#[test]
fn links_are_not_followed_into_circles() {
    let project = Project::with(&[("docs/a", "1"), ("other/b", "1")]);
    symlink(project.path("docs"), project.path("docs/self")).unwrap();
    symlink(project.path("other/b"), project.path("docs/b")).unwrap();
    let before = project.value(&"docs".into());
    project.write("other/b", "22");
    assert_ne!(project.value(&"docs".into()), before);
}

#[test]
fn pipes_and_devices_are_not_read() {
    let project = Project::with(&[]);
    assert!(std::process::Command::new("mkfifo").arg(project.path("fifo")).status().unwrap().success());
    assert!(project.value(&"fifo".into()).contains_key("input.x.content"));
    assert!(project.value(&"/dev/zero".into()).contains_key("input.x.content"));
}

#[test]
fn a_command_is_its_text_its_program_and_its_surroundings() {
    let project = Project::with(&[("tool", "#!/bin/sh\n")]);
    std::fs::set_permissions(project.path("tool"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut spec = argv(&["./tool", "{x}"]);
    spec.env = vec![("KEY".into(), Template::parse("v").unwrap()), ("TRACEPARENT".into(), Template::parse("t").unwrap())];
    spec.stdin = Some(Template::parse("{x}").unwrap());
    let before = project.command(&spec);
    assert_eq!(before.keys().collect::<Vec<_>>(), ["argv.0", "argv.1", "cwd", "env.KEY", "parse", "program", "stdin"]);
    project.write("tool", "#!/bin/sh\ntrue\n");
    let after = project.command(&spec);
    let changed: Vec<_> = after.iter().filter(|(name, part)| before[*name] != **part).map(|(name, _)| name).collect();
    assert_eq!(changed, ["program"]);
    assert_eq!(project.command(&argv(&["no-such-program-here"]))["program"], b"missing");
}

#[test]
fn watched_files_count_by_content() {
    let project = Project::with(&[("src/a.rs", "1"), ("src/deep/b.rs", "1"), ("src/c.txt", "1"), ("Makefile", "1")]);
    let spec = watching(&["src/**/*.rs", "Makefile", "none/*.h"]);
    let parts = || project.command(&spec);
    let before = parts();
    project.write("src/c.txt", "2");
    assert_eq!(parts(), before);
    project.write("src/deep/b.rs", "2");
    assert_ne!(parts()["watch.src/**/*.rs"], before["watch.src/**/*.rs"]);
    project.write("Makefile", "2");
    assert_ne!(parts()["watch.Makefile"], before["watch.Makefile"]);
    project.write("none/x.h", "1");
    assert_ne!(parts()["watch.none/*.h"], before["watch.none/*.h"]);
}

#[test]
fn values_in_globs_stand_for_themselves() {
    let project = Project::with(&[("a[1]/x", "1"), ("a1/x", "1")]);
    let spec = watching(&["{d}/*"]);
    let d: Data = "a[1]".into();
    let parts = || collect(|part| project.key().command(&spec, &Values::from([("d", &d)]), part));
    let before = parts();
    project.write("a1/x", "2");
    assert_eq!(parts(), before);
    project.write("a[1]/x", "2");
    assert_ne!(parts(), before);
}

#[test]
fn only_what_a_glob_can_reach_is_listed() {
    let project = Project::with(&[("a.md", ""), ("docs/b.md", ""), ("docs/deep/c.md", "")]);
    let names = |depth| {
        let entries = project.key().entries(project.folder.path(), depth, 10).unwrap();
        entries.iter().map(|entry| entry.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(1), "a.md docs");
    assert_eq!(names(2), "a.md docs b.md deep");
    assert_eq!(names(usize::MAX), "a.md docs b.md deep c.md");
    let spec = watching(&["*.md", "*/*.md"]);
    let before = project.command(&spec);
    project.write("docs/deep/c.md", "1");
    assert_eq!(project.command(&spec), before);
    project.write("docs/b.md", "1");
    assert_ne!(project.command(&spec)["watch.*/*.md"], before["watch.*/*.md"]);
    assert_eq!(project.command(&spec)["watch.*.md"], before["watch.*.md"]);
}

#[test]
fn too_much_to_list_is_refused() {
    let project = Project::with(&[("a", ""), ("b/c", "")]);
    assert_eq!(project.key().entries(project.folder.path(), usize::MAX, 3).unwrap().len(), 3);
    let error = project.key().entries(project.folder.path(), usize::MAX, 2).unwrap_err();
    assert!(error.to_string().contains("cache = false"), "{error}");
}
