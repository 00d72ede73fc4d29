//! `flowglass config`: what holds, and where each value comes from.

use std::process::ExitCode;

use clap::Args;
use flowglass::config::{Config, KEYS, Kind, Setting, Value};
use flowglass::model::nearest::did_you_mean;
use flowglass::model::{REDACTED, Redaction};
use flowglass::term::Options;
use flowglass::term::grid::{Value as Cell, render};
use serde_json::{Value as Json, json};

use crate::configuration;
use crate::failure::Failure;
use crate::printer::Printer;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArguments {
    /// Only these keys, or the keys of these tables: `sampling.rate`, `sampling`.
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Only what isn't a default.
    #[arg(long)]
    changed: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Values come from the command line, from FLOWGLASS_* variables, from OpenTelemetry's OTEL_* variables, from the nearest flowglass.toml \
upwards, from the one in ~/.config/flowglass, from a preset, and from defaults: the first that says something counts. FLOWGLASS_CONFIG \
names one file in place of both, or is `off`.

Examples:
  flowglass config --changed
  flowglass config sampling export.to
  FLOWGLASS_PRESET=production flowglass config --json";

pub(crate) fn run(arguments: &ConfigArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let config = configuration::load()?;
    arguments.keys.iter().try_for_each(|name| check(name))?;
    let is_wanted = |setting: &Setting| {
        let is_named = arguments.keys.is_empty() || arguments.keys.iter().any(|name| covers(name, setting.key.name));
        is_named && !(arguments.changed && setting.origin == flowglass::config::Origin::Default)
    };
    let settings: Vec<Setting> = config.settings().filter(is_wanted).collect();
    let text = if arguments.json { object(&config, &settings) } else { drawn(&settings, &printer.stdout_options()) };
    printer.data(None, text.as_bytes())?;
    config.warnings().iter().for_each(|warning| printer.note(&format!("warning: {warning}")));
    Ok(ExitCode::SUCCESS)
}

fn covers(name: &str, key: &str) -> bool {
    key == name || key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

fn check(name: &str) -> Result<(), Failure> {
    if KEYS.iter().any(|key| covers(name, key.name)) {
        return Ok(());
    }
    let tables = KEYS.iter().filter_map(|key| key.name.split_once('.')).map(|(table, _)| table);
    let hint =
        did_you_mean(name, KEYS.iter().map(|key| key.name).chain(tables)).map_or_else(String::new, |hint| format!("; {hint}"));
    Err(Failure::usage(format!("there is no key `{name}`{hint}")))
}

fn drawn(settings: &[Setting], options: &Options) -> String {
    let titles = ["key", "value", "from"].map(str::to_owned);
    let row = |setting: &Setting| {
        let value = shown(setting).map_or(Cell::Nothing, Cell::Text);
        vec![Cell::Text(setting.key.name.to_owned()), value, Cell::Text(setting.origin.to_string())]
    };
    render(&titles, &settings.iter().map(row).collect::<Vec<_>>(), options)
}

fn object(config: &Config, settings: &[Setting]) -> String {
    let setting = |setting: &Setting| {
        json!({
            "key": setting.key.name,
            "value": shown(setting),
            "origin": setting.origin.to_string(),
            "default": Some(setting.key.default).filter(|default| !default.is_empty()),
            "variable": setting.key.variable,
            "standard_variables": setting.key.standard,
            "about": setting.key.about,
        })
    };
    let settings: Vec<Json> = settings.iter().map(setting).collect();
    let object = json!({ "files": config.files(), "settings": settings, "warnings": config.warnings() });
    format!("{object:#}\n")
}

/// Returns a value as it may be shown.
fn shown(setting: &Setting) -> Option<String> {
    let value = setting.value.as_ref()?;
    Some(match (setting.key.kind, value) {
        (Kind::SecretPairs, Value::Pairs(pairs)) => {
            pairs.iter().map(|(name, _)| format!("{name}={REDACTED}")).collect::<Vec<_>>().join(",")
        }
        (kind, _) if kind.is_secret() => REDACTED.to_owned(),
        _ => Redaction::secrets().text(&value.to_string()).into_owned(),
    })
}
