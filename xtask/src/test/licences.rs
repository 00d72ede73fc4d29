//! Licences: what every dependency asks for, against the list in `deny.toml`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::session::Session;
use super::spdx;
use crate::surroundings;

/// Checks the licences of all dependencies on all platforms, and their advisories where cargo-deny has them at hand.
///
/// # Errors
/// Where a dependency's licence is not on the list, or the list or the dependencies cannot be read.
pub(super) fn run(session: &Session) -> Result<(), String> {
    let list = fs::read_to_string(session.root().join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let allowed = allowed(&list)?;
    let metadata = session.output("cargo", &["metadata", "--locked", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_slice(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let complaints = complaints(&metadata, &allowed);
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    println!("licences: {} dependencies, {} not allowed", dependencies(&metadata).count(), complaints.len());
    let advisories = check_advisories(session);
    if complaints.is_empty() { advisories } else { Err("deny.toml lists what a dependency may ask for".to_owned()) }
}

fn allowed(list: &str) -> Result<BTreeSet<String>, String> {
    let list: toml::Table = toml::from_str(list).map_err(|error| format!("deny.toml: {}", error.message()))?;
    let names = list.get("licenses").and_then(|section| section.get("allow")).and_then(toml::Value::as_array);
    let names = names.ok_or("deny.toml has no list `licenses.allow`")?;
    Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
}

fn complaints(metadata: &Value, allowed: &BTreeSet<String>) -> Vec<String> {
    dependencies(metadata)
        .filter_map(|package| {
            let fault = fault(package["license"].as_str(), allowed)?;
            Some(format!("{} {}: {fault}", text(&package["name"]), text(&package["version"])))
        })
        .collect()
}

/// Lists the packages that come from elsewhere.
fn dependencies(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten().filter(|package| !package["source"].is_null())
}

fn fault(licence: Option<&str>, allowed: &BTreeSet<String>) -> Option<String> {
    let Some(licence) = licence else {
        return Some("it names no licence".to_owned());
    };
    match spdx::is_allowed(licence, allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("`{licence}` is not allowed")),
        Err(reason) => Some(format!("`{licence}` is no licence expression: {reason}")),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn check_advisories(session: &Session) -> Result<(), String> {
    if has_advisories() && session.succeeds("cargo", &["deny", "--version"]) {
        return session.cargo(&["deny", "check", "--disable-fetch", "advisories"]);
    }
    println!("advisories: not checked, since cargo-deny and its database are not on this machine");
    Ok(())
}

fn has_advisories() -> bool {
    let database = surroundings::cargo_home().map(|home| home.join("advisory-dbs"));
    database.and_then(|database| fs::read_dir(database).ok()).is_some_and(|mut entries| entries.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_from_elsewhere_is_judged() {
        let metadata = serde_json::json!({"packages": [
            {"name": "ours", "version": "1.0.0", "source": null, "license": "Proprietary"},
            {"name": "good", "version": "1.0.0", "source": "registry", "license": "MIT OR GPL-2.0"},
            {"name": "bad", "version": "2.0.0", "source": "registry", "license": "GPL-2.0"},
            {"name": "silent", "version": "3.0.0", "source": "registry", "license": null},
            {"name": "odd", "version": "4.0.0", "source": "registry", "license": "MIT OR"},
        ]});
        let complaints = complaints(&metadata, &BTreeSet::from(["MIT".to_owned()]));
        assert_eq!(
            complaints,
            [
                "bad 2.0.0: `GPL-2.0` is not allowed",
                "silent 3.0.0: it names no licence",
                "odd 4.0.0: `MIT OR` is no licence expression: it ends too early"
            ]
        );
    }

    #[test]
    fn metadata_of_another_shape_has_no_dependencies() {
        assert_eq!(dependencies(&Value::Null).count(), 0);
        assert_eq!(dependencies(&serde_json::json!({"packages": 3})).count(), 0);
    }

    #[test]
    fn the_list_must_be_there() {
        assert_eq!(allowed("[licenses]\nallow = [\"MIT\", 3]"), Ok(BTreeSet::from(["MIT".to_owned()])));
        assert!(allowed("[licenses]").is_err() && allowed("[licenses").is_err());
    }

    #[test]
    fn our_own_list_is_read() {
        let allowed = allowed(include_str!("../../../deny.toml")).unwrap();
        assert!(allowed.contains("MIT") && allowed.contains("Apache-2.0 WITH LLVM-exception"));
    }
}
