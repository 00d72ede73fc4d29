//! Files and variables: whether they can be read, and whether they contradict each other.

use flowglass::config::{Config, KEYS, Kind, Origin, Sources};

use super::finding::Finding;

const ABOUT: &str = "configuration";
const VARIABLES: &str = "environment";

/// Reads the configuration; without one, the findings say why.
pub(super) fn look() -> (Option<Config>, Vec<Finding>) {
    match Config::load() {
        Ok(config) => {
            let mut findings = vec![files(&config)];
            findings.extend(config.warnings().iter().map(|warning| strange_variable(warning)));
            findings.extend(contradictions(&config));
            (Some(config), findings)
        }
        Err(error) => {
            let advice = "correct it; `flowglass config` shows what holds then";
            (None, error.problems().iter().map(|problem| Finding::wrong(ABOUT, problem.to_string(), advice)).collect())
        }
    }
}

fn files(config: &Config) -> Finding {
    let files: Vec<String> = config.files().iter().map(|path| path.display().to_string()).collect();
    let changed = config.settings().filter(|setting| setting.origin != Origin::Default).count();
    let from = if files.is_empty() { "no file".to_owned() } else { files.join(", ") };
    Finding::good(
        ABOUT,
        format!("{from}; {changed} {} from a default", if changed == 1 { "value differs" } else { "values differ" }),
    )
}

fn strange_variable(warning: &str) -> Finding {
    Finding::strange(VARIABLES, warning, "unset it, or write it as it is meant")
}

/// Says what is set and can't take effect.
fn contradictions(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_said = |name: &str| config.setting(name).is_some_and(|setting| setting.origin != Origin::Default);
    let origin = |name: &str| config.setting(name).map_or_else(String::new, |setting| setting.origin.to_string());
    let mut strange = |says: String, advice: &str| findings.push(Finding::strange(ABOUT, says, advice));
    if !config.is_enabled() {
        strange(format!("nothing is recorded ({})", origin("enabled")), "set `enabled = true` to record");
    }
    let rate = config.setting("sampling.rate").and_then(|setting| setting.value);
    if rate.is_some_and(|rate| rate.to_string() == "0") {
        strange(
            format!("`sampling.rate` is 0, so that no trace is recorded ({})", origin("sampling.rate")),
            "set a rate above 0",
        );
    }
    let to = config.setting("export.to").and_then(|setting| setting.value).map(|to| to.to_string());
    if to.as_deref().is_some_and(|to| to.split(',').any(|to| to == "none")) && is_said("export.endpoint") {
        let says = format!(
            "`export.to` is `none` ({}), so that the endpoint of {} isn't used",
            origin("export.to"),
            origin("export.endpoint")
        );
        strange(says, "leave one of them out");
    }
    for name in ["export.headers", "export.protocol", "export.compression", "export.timeout", "export.certificate"] {
        if is_said(name)
            && !is_said("export.endpoint")
            && !is_said("export.to")
            && !config.destinations().is_ok_and(|found| !found.0.is_empty())
        {
            strange(
                format!("`{name}` is set ({}), and nothing is sent anywhere", origin(name)),
                "set `export.endpoint` or `export.to`",
            );
        }
    }
    if is_said("export.client_certificate") != is_said("export.client_key") {
        strange("of `export.client_certificate` and `export.client_key` only one is set".to_owned(), "set both, or none");
    }
    findings.extend(told_twice());
    findings
}

/// Finds variables of Flowglass and of OpenTelemetry that say different things of one key.
fn told_twice() -> Vec<Finding> {
    let here = std::env::current_dir().unwrap_or_default();
    let Ok(sources) = Sources::of_process(&here) else { return Vec::new() };
    let set = |name: &str| sources.variables.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let both = KEYS.iter().filter_map(|key| {
        let own = set(key.variable)?;
        let (standard, said) = key.standard.iter().find_map(|name| Some((name, set(name)?)))?;
        // Of these, equal values are written in different ways.
        let is_comparable = !matches!(key.kind, Kind::Flag | Kind::Time | Kind::Rate);
        (is_comparable && own != said).then(|| {
            let says = format!("{} and {standard} are both set and differ: the first one counts", key.variable);
            Finding::strange(VARIABLES, says, "unset one of them")
        })
    });
    both.collect()
}
