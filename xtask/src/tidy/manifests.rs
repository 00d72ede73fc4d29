//! Manifests: every crate says what it is, under which licence, and takes the workspace's lints.

use toml::{Table, Value};

use super::finding::Finding;
use super::tree::Tree;

/// Checks the manifest of every crate.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.manifests().flat_map(|(_, path, text)| check_manifest(path, text)).collect()
}

/// Walks down from table to table.
pub(super) fn at<'a>(table: &'a Table, keys: &[&str]) -> Option<&'a Table> {
    keys.iter().try_fold(table, |table, &key| table.get(key)?.as_table())
}

fn check_manifest(path: &str, text: &str) -> Vec<Finding> {
    let manifest: Table = match toml::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::in_file(path, format!("not TOML: {}", error.message()), "mend it")],
    };
    let package = at(&manifest, &["package"]).cloned().unwrap_or_default();
    let mut findings = Vec::new();
    if !is_sentence(package.get("description")) {
        findings.push(Finding::in_file(path, "no description", "say in one line what the crate is: `description = \"...\"`"));
    }
    if !has_licence(package.get("license")) {
        findings.push(Finding::in_file(path, "no licence", "write `license.workspace = true`"));
    }
    if !is_inherited(manifest.get("lints")) {
        findings.push(Finding::in_file(path, "own lints", "take the workspace's: `[lints]` with `workspace = true`"));
    }
    findings
}

fn is_sentence(description: Option<&Value>) -> bool {
    description.and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
}

fn has_licence(licence: Option<&Value>) -> bool {
    is_inherited(licence) || is_sentence(licence)
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\ndescription = \"A thing\"\nlicense.workspace = true\n[lints]\nworkspace = true\n";

    fn complaints(text: &str) -> usize {
        check(&Tree::of(&[("crates/model/Cargo.toml", text)])).len()
    }

    #[test]
    fn a_complete_manifest_passes() {
        assert_eq!(complaints(GOOD), 0);
    }

    #[test]
    fn each_missing_part_is_found() {
        assert_eq!(complaints(&GOOD.replace("A thing", " ")), 1);
        assert_eq!(complaints(&GOOD.replace("license.workspace = true\n", "")), 1);
        assert_eq!(complaints(&GOOD.replace("license.workspace = true", "license.workspace = false")), 1);
        assert_eq!(complaints(&GOOD.replace("[lints]\nworkspace = true", "[lints.rust]\ndead_code = \"allow\"")), 1);
        assert_eq!(complaints(""), 3);
    }

    #[test]
    fn what_is_not_toml_is_one_finding() {
        assert_eq!(complaints("[package"), 1);
    }
}
