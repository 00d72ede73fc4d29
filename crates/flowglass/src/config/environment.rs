//! Variables of the environment: Flowglass's own, and those of OpenTelemetry's specification
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).

use std::collections::BTreeMap;
use std::time::Duration;

use flowglass_model::nearest::did_you_mean;

use super::key::{KEYS, Key, Kind, OTHER_VARIABLES};
use super::origin::Origin;
use super::problem::Problem;
use super::value::Value;

/// Variables by their names, as a process has them or as a test says.
pub type Variables = BTreeMap<String, String>;

/// Returns a variable that is set: an empty one isn't.
pub(super) fn set<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// Reads what variables say of the keys. A wrong value of a variable of Flowglass is a problem; one of OpenTelemetry's is left out
/// with a warning, as its specification asks.
pub(super) fn read(
    variables: &Variables,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Vec<(&'static Key, Value, Origin)> {
    let mut said = Vec::new();
    for key in KEYS {
        if let Some(text) = set(variables, key.variable) {
            match Value::from_text(key.kind, text) {
                Ok(value) => said.push((key, value, Origin::Variable(key.variable.to_owned()))),
                Err(wanted) => problems.push(Problem::new(key.variable, format!("it must be {wanted}{}", shown(key, text)))),
            }
        }
        let standard = key.standard.iter().find_map(|name| Some((*name, set(variables, name)?)));
        if let Some((name, text)) = standard {
            match of_standard(key, name, text, set(variables, "OTEL_TRACES_SAMPLER_ARG")) {
                Some(value) => said.push((key, value, Origin::Standard(name.to_owned()))),
                // Those of exporters are told by who reads them all, with those of single signals.
                None if key.name.starts_with("export.") => {}
                None => warnings.push(format!("{name} means nothing{}: left out", shown(key, text))),
            }
        }
    }
    warnings.extend(unknown(variables));
    said
}

/// Names variables that look like Flowglass's and are none.
fn unknown(variables: &Variables) -> impl Iterator<Item = String> {
    let names = || KEYS.iter().map(|key| key.variable).chain(OTHER_VARIABLES);
    let strange = variables.keys().filter(move |name| name.starts_with("FLOWGLASS_") && !names().any(|known| known == *name));
    strange.filter(|name| !name.starts_with("FLOWGLASS_TEST_")).map(move |name| {
        let hint = did_you_mean(name, names()).map_or_else(String::new, |hint| format!("; {hint}"));
        format!("{name} is no variable of Flowglass{hint}")
    })
}

fn shown(key: &Key, text: &str) -> String {
    if key.kind.is_secret() { String::new() } else { format!(", not `{text}`") }
}

/// Reads a variable as OpenTelemetry means it.
fn of_standard(key: &Key, name: &str, text: &str, argument: Option<&str>) -> Option<Value> {
    match (name, key.kind) {
        ("OTEL_SDK_DISABLED", _) => Some(Value::Flag(!text.eq_ignore_ascii_case("true"))),
        ("OTEL_TRACES_SAMPLER", _) => rate_of_sampler(text, argument).map(Value::Rate),
        (_, Kind::Time) => text.parse().ok().map(|milliseconds| Value::Time(Duration::from_millis(milliseconds))),
        (_, kind) => Value::from_text(kind, text).ok(),
    }
}

/// Returns the fraction of traces that a sampler of OpenTelemetry's chooses. That of a parent counts here in any case.
fn rate_of_sampler(name: &str, argument: Option<&str>) -> Option<f64> {
    match name.to_ascii_lowercase().trim_start_matches("parentbased_") {
        "always_on" => Some(1.0),
        "always_off" => Some(0.0),
        "traceidratio" => argument.map_or(Some(1.0), |rate| rate.parse().ok()).filter(|rate| (0.0..=1.0).contains(rate)),
        _ => None,
    }
}

/// Writes a value as the variable of OpenTelemetry has it.
pub(super) fn as_standard(value: &Value) -> String {
    match value {
        Value::Time(time) => time.as_millis().to_string(),
        Value::Pairs(pairs) => {
            let pair = |(name, text): &(String, String)| format!("{}={}", percent(name), percent(text));
            pairs.iter().map(pair).collect::<Vec<_>>().join(",")
        }
        value => value.to_string(),
    }
}

/// Writes what has a meaning in lists of pairs as `%` and two digits.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '%' | ',' | '=' | ' ' => out.push_str(&format!("%{:02X}", u32::from(character))),
            other => out.push(other),
        }
    }
    out
}
