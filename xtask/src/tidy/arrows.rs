//! Crate arrows: each crate depends only on what the table of the house gives it.

use toml::{Table, Value};

use super::finding::Finding;
use super::house::{self, CrateRule};
use super::manifests;
use super::tree::Tree;

/// Compares what each crate depends on, tests aside, with the table of the house.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let workspace = tree.text("Cargo.toml").and_then(|text| toml::from_str::<Table>(text).ok()).unwrap_or_default();
    let shared = manifests::at(&workspace, &["workspace", "dependencies"]).cloned().unwrap_or_default();
    tree.manifests().flat_map(|(folder, path, text)| check_manifest(folder, path, text, &shared)).collect()
}

fn check_manifest(folder: &str, path: &str, text: &str, shared: &Table) -> Vec<Finding> {
    let Some(rule) = house::rule_of(folder) else {
        return vec![Finding::in_file(
            path,
            "this crate is not in the table of the house",
            "give it a row in xtask/src/tidy/house.rs",
        )];
    };
    // A manifest that does not parse is reported by the check of manifests.
    let manifest = toml::from_str::<Table>(text).unwrap_or_default();
    dependencies(&manifest)
        .filter_map(|(key, requirement)| {
            let (what, remedy) = complaint(rule, package(key, requirement, shared))?;
            Some(Finding::on_line(path, line_of(text, key), what, remedy))
        })
        .collect()
}

fn complaint(rule: &CrateRule, package: &str) -> Option<(String, String)> {
    if let Some(folder) = folder_of(package) {
        let is_wrong = house::rule_of(folder).is_none() || !rule.may_use.allows(folder);
        return is_wrong.then(|| {
            (
                format!("`{}` must not know `{folder}`", rule.folder),
                "let a crate above wire the two, or speak through `model` (the arrows are in xtask/src/tidy/house.rs)"
                    .to_owned(),
            )
        });
    }
    let reserved =
        house::RESERVED.iter().find(|reserved| reserved.covers(package) && !reserved.folders.contains(&rule.folder))?;
    let remedy = match reserved.folders {
        [] => "use it as a dev-dependency only".to_owned(),
        folders => format!("it belongs to {}", folders.join(", ")),
    };
    Some((format!("`{}` must not depend on `{package}`", rule.folder), remedy))
}

/// Gives the folder of a package of this workspace.
fn folder_of(package: &str) -> Option<&str> {
    if package == "flowglass" || package == "xtask" { Some(package) } else { package.strip_prefix("flowglass-") }
}

/// Lists what a crate is built from: ordinary and build dependencies, on every platform.
fn dependencies(manifest: &Table) -> impl Iterator<Item = (&str, &Value)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let sections = std::iter::once(manifest).chain(platforms.filter_map(|(_, value)| value.as_table()));
    sections
        .flat_map(|section| [section.get("dependencies"), section.get("build-dependencies")])
        .filter_map(|section| section?.as_table())
        .flatten()
        .map(|(key, requirement)| (key.as_str(), requirement))
}

/// Gives the name of the package behind a dependency that may have been renamed, here or in the workspace's list.
fn package<'a>(key: &'a str, requirement: &'a Value, shared: &'a Table) -> &'a str {
    let renamed = |value: &'a Value| value.get("package").and_then(Value::as_str);
    renamed(requirement).or_else(|| shared.get(key).and_then(renamed)).unwrap_or(key)
}

fn line_of(text: &str, key: &str) -> usize {
    let is_entry = |line: &str| {
        let line = line.trim_start().trim_start_matches('"');
        line.strip_prefix(key).is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
    };
    let is_section = |line: &str| line.starts_with('[') && line.trim_end().ends_with(&format!("dependencies.{key}]"));
    text.lines().position(|line| is_entry(line) || is_section(line)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(folder: &str, manifest: &str) -> Vec<String> {
        let path = if folder == "xtask" { "xtask/Cargo.toml".to_owned() } else { format!("crates/{folder}/Cargo.toml") };
        let root = "[workspace.dependencies]\nstorage = { package = \"flowglass-store\", path = \"crates/store\" }\n";
        let tree = Tree::of(&[("Cargo.toml", root), (&path, manifest)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_that_goes_down_is_fine() {
        assert!(
            complaints("engine", "[dependencies]\nflowglass-model.workspace = true\nserde = \"1\"\ntokio = \"1\"\n").is_empty()
        );
        assert!(complaints("bench", "[dependencies]\nflowglass-cli.workspace = true\nopentelemetry_sdk = \"1\"\n").is_empty());
    }

    #[test]
    fn a_pillar_must_not_know_another() {
        let found = complaints("engine", "[dependencies]\nserde = \"1\"\nflowglass-store.workspace = true\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/engine/Cargo.toml:3: `engine` must not know `store`"), "{found:?}");
    }

    #[test]
    fn a_renamed_crate_is_still_itself() {
        assert_eq!(complaints("record", "[dependencies]\nstorage.workspace = true\n").len(), 1);
        assert_eq!(
            complaints("record", "[dependencies]\nx = { package = \"flowglass-engine\", path = \"../engine\" }\n").len(),
            1
        );
    }

    #[test]
    fn platforms_and_build_scripts_count() {
        assert_eq!(complaints("insight", "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n").len(), 1);
        assert_eq!(complaints("insight", "[build-dependencies]\nsyn = \"3\"\n").len(), 1);
        assert_eq!(complaints("insight", "[dependencies.tokio]\nversion = \"1\"\n").len(), 1);
    }

    #[test]
    fn tests_may_depend_on_anything() {
        let manifest = "[dev-dependencies]\nflowglass-testkit.workspace = true\ntokio = \"1\"\ninsta = \"1\"\n";
        assert!(complaints("record", manifest).is_empty());
    }

    #[test]
    fn reserved_crates_stay_at_home() {
        let found = complaints("model", "[dependencies]\nrusqlite = \"1\"\nassert_cmd = \"2\"\n");
        assert_eq!(found.len(), 2);
        assert!(found[0].contains("dev-dependency") && found[1].contains("it belongs to store"), "{found:?}");
    }

    #[test]
    fn an_unknown_crate_needs_a_row() {
        assert!(complaints("novelty", "")[0].contains("table of the house"));
        assert_eq!(complaints("flowglass", "[dependencies]\nflowglass-novelty.workspace = true\n").len(), 1);
    }
}
