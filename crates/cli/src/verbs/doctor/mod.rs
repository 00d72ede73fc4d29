//! `flowglass doctor`: looks at a set-up, and says what is wrong with it and what to do.

mod configuration;
mod finding;
mod receivers;
mod store;
mod surroundings;
mod waiting;

use std::process::ExitCode;

use clap::Args;
use flowglass::term::Options;
use serde_json::{Value, json};

use self::finding::{Finding, Verdict};
use crate::failure::{FAILED, Failure};
use crate::printer::Printer;

#[derive(Args)]
#[command(after_help = "Exit code 1 if something is wrong; what is only strange doesn't count.")]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    store: crate::arguments::StoreArgument,
    /// How long each receiver is waited for.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = super::duration)]
    timeout: std::time::Duration,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &DoctorArguments, printer: &mut Printer) -> Result<ExitCode, Failure> {
    let (config, mut findings) = configuration::look();
    if let Some(config) = &config {
        findings.extend(store::look(&arguments.store, config));
        findings.extend(receivers::look(config, arguments.timeout));
        findings.extend(waiting::look(&arguments.store, config));
    }
    findings.extend(surroundings::look(printer));
    let text = if arguments.json { object(&findings) } else { drawn(&findings, &printer.stdout_options()) };
    printer.data(None, text.as_bytes())?;
    Ok(if findings.iter().any(|finding| finding.verdict == Verdict::Wrong) {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

fn drawn(findings: &[Finding], options: &Options) -> String {
    let mut text = String::new();
    for finding in findings {
        let mark = finding.verdict.mark(options.color);
        text.push_str(&format!("{mark} {}: {}\n", finding.about, finding.says));
        if !finding.advice.is_empty() {
            text.push_str(&format!("  → {}\n", finding.advice));
        }
    }
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    text.push_str(&match (count(Verdict::Wrong), count(Verdict::Strange)) {
        (0, 0) => "all is well\n".to_owned(),
        (0, strange) => {
            format!("nothing is wrong, {strange} {} strange\n", if strange == 1 { "thing is" } else { "things are" })
        }
        (wrong, strange) => format!("{wrong} wrong, {strange} strange\n"),
    });
    text
}

fn object(findings: &[Finding]) -> String {
    let finding = |finding: &Finding| {
        json!({
            "about": finding.about,
            "verdict": finding.verdict.as_str(),
            "says": finding.says,
            "advice": Some(&finding.advice).filter(|advice| !advice.is_empty()),
        })
    };
    let is_well = !findings.iter().any(|finding| finding.verdict == Verdict::Wrong);
    let object = json!({ "ok": is_well, "findings": findings.iter().map(finding).collect::<Vec<Value>>() });
    format!("{object:#}\n")
}
