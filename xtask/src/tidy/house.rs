//! The table of the house: which crate may depend on what, and which may not touch what.

/// What holds for one crate of the workspace.
pub(super) struct CrateRule {
    /// Its folder: under `crates/`, or `xtask`.
    pub(super) folder: &'static str,
    /// The crates of the workspace that it may depend on.
    pub(super) may_use: MayUse,
    /// Parts of the world that its code outside of tests must not name.
    pub(super) must_not_reach: &'static [&'static str],
}

/// Which crates of the workspace another may depend on, by their folders.
pub(super) enum MayUse {
    Only(&'static [&'static str]),
    Anything,
}

impl MayUse {
    pub(super) fn allows(&self, folder: &str) -> bool {
        match self {
            MayUse::Only(folders) => folders.contains(&folder),
            MayUse::Anything => true,
        }
    }
}

/// A third-party crate, or a family of them (`name*`), that only some crates may depend on; tests may use it anywhere.
pub(super) struct Reserved {
    pub(super) name: &'static str,
    pub(super) folders: &'static [&'static str],
}

impl Reserved {
    pub(super) fn covers(&self, package: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(family) => package.starts_with(family),
            None => package == self.name,
        }
    }
}

const WORLD: &[&str] = &["std::fs", "std::net", "std::process", "std::thread", "std::env", ".await"];
const WORLD_AND_CLOCKS: &[&str] =
    &["std::fs", "std::net", "std::process", "std::thread", "std::env", ".await", "Instant::now", "SystemTime::now"];

const BUT_FILES: &[&str] =
    &["std::net", "std::process", "std::thread", "std::env", ".await", "Instant::now", "SystemTime::now"];

const fn rule(folder: &'static str, may_use: &'static [&'static str]) -> CrateRule {
    CrateRule { folder, may_use: MayUse::Only(may_use), must_not_reach: &[] }
}

const fn pure(folder: &'static str, may_use: &'static [&'static str], must_not_reach: &'static [&'static str]) -> CrateRule {
    CrateRule { folder, may_use: MayUse::Only(may_use), must_not_reach }
}

/// Every crate, those that others stand on first.
pub(super) const CRATES: &[CrateRule] = &[
    pure("model", &[], WORLD),
    rule("record", &["model"]),
    rule("engine", &["model", "record"]),
    pure("spool", &[], BUT_FILES),
    rule("store", &["model", "spool"]),
    rule("otlp", &["model", "spool"]),
    rule("server", &["model", "otlp"]),
    pure("insight", &["model"], WORLD_AND_CLOCKS),
    pure("interchange", &["model"], WORLD_AND_CLOCKS),
    rule("term", &["model", "insight"]),
    pure("picture", &["model", "insight"], WORLD_AND_CLOCKS),
    rule("macros", &[]),
    rule("pipefile", &["model", "engine"]),
    rule(
        "flowglass",
        &["model", "record", "engine", "store", "otlp", "server", "insight", "interchange", "term", "picture", "macros"],
    ),
    rule("cli", &["flowglass", "pipefile"]),
    CrateRule { folder: "bench", may_use: MayUse::Anything, must_not_reach: &[] },
    rule("xtask", &[]),
];

/// Dependencies that mark a foreign concern: each has its crates, and the others must not know it.
pub(super) const RESERVED: &[Reserved] = &[
    Reserved { name: "rusqlite", folders: &["store", "bench"] },
    Reserved { name: "libsqlite3-sys", folders: &["store", "bench"] },
    Reserved { name: "zstd", folders: &["store", "otlp", "server", "bench"] },
    Reserved { name: "crc32fast", folders: &["spool"] },
    Reserved { name: "tokio-postgres*", folders: &["store"] },
    Reserved { name: "tokio*", folders: &["store", "engine", "otlp", "server", "pipefile", "flowglass", "cli", "bench"] },
    Reserved { name: "futures*", folders: &["store", "engine", "pipefile", "flowglass", "cli", "bench"] },
    Reserved { name: "fastrand", folders: &["model", "record", "engine", "store", "otlp", "flowglass", "bench"] },
    Reserved { name: "hyper*", folders: &["otlp", "server", "bench"] },
    Reserved { name: "http*", folders: &["otlp", "server", "bench"] },
    Reserved { name: "rustls*", folders: &["store", "otlp", "server"] },
    Reserved { name: "flate2", folders: &["otlp", "server"] },
    Reserved { name: "clap*", folders: &["cli", "bench"] },
    Reserved { name: "toml*", folders: &["pipefile", "flowglass", "cli", "xtask"] },
    Reserved { name: "indicatif", folders: &["term", "cli"] },
    Reserved { name: "anstyle", folders: &["term", "cli"] },
    Reserved { name: "anstream", folders: &["term", "cli"] },
    Reserved { name: "terminal_size", folders: &["term", "cli"] },
    Reserved { name: "syn", folders: &["macros"] },
    Reserved { name: "quote", folders: &["macros"] },
    Reserved { name: "proc-macro2", folders: &["macros"] },
    Reserved { name: "darling", folders: &["macros"] },
    Reserved { name: "opentelemetry*", folders: &["flowglass", "bench"] },
    Reserved { name: "prost*", folders: &["bench"] },
    Reserved { name: "tonic*", folders: &[] },
    Reserved { name: "rcgen", folders: &[] },
    Reserved { name: "tracing*", folders: &["flowglass", "bench"] },
    Reserved { name: "fastrace*", folders: &["bench"] },
    Reserved { name: "insta", folders: &["bench"] },
    Reserved { name: "proptest", folders: &["bench"] },
    Reserved { name: "trybuild", folders: &[] },
    Reserved { name: "assert_cmd", folders: &[] },
];

/// Gives the rule of a crate by its folder.
pub(super) fn rule_of(folder: &str) -> Option<&'static CrateRule> {
    CRATES.iter().find(|rule| rule.folder == folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_only_go_down() {
        for (place, rule) in CRATES.iter().enumerate() {
            let MayUse::Only(folders) = rule.may_use else { continue };
            for folder in folders {
                let below = CRATES.iter().position(|other| other.folder == *folder);
                assert!(below.is_some_and(|below| below < place), "{} -> {folder}", rule.folder);
            }
        }
    }

    #[test]
    fn reserved_names_belong_to_crates_of_the_table() {
        for reserved in RESERVED {
            assert!(reserved.folders.iter().all(|folder| rule_of(folder).is_some()), "{}", reserved.name);
        }
    }

    #[test]
    fn a_family_covers_its_members() {
        let family = Reserved { name: "tracing*", folders: &[] };
        assert!(family.covers("tracing") && family.covers("tracing-subscriber") && !family.covers("trace"));
        let one = Reserved { name: "syn", folders: &[] };
        assert!(one.covers("syn") && !one.covers("synstructure"));
    }
}
