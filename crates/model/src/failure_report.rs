//! All that is known of one failure, and how it reads: the same from a run that has just ended and from one in a store.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::SpanId;

/// A failure with what stood around it. `Display` prints it as a readable block; `{:#}` leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    /// Where: `outer > inner[3] > node`; empty for a failure of no one place.
    pub path: String,
    /// What the innermost map item around works on, as far as it may be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The type of the error: the attribute `error.type`.
    pub error_type: String,
    /// The message.
    pub message: String,
    /// The messages of its causes, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// What the node was given: names and the beginnings of the values, as far as they may be shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<(String, String)>,
    /// The attempts, where there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<AttemptReport>,
    /// Where it ran: `local, async`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// Its span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<SpanId>,
    /// What became of the other nodes of the pipelines around, the innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub around: Vec<LevelReport>,
}

/// One attempt of several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
    /// Why it failed.
    pub message: String,
}

/// What became of the other nodes of a pipeline in which something failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelReport {
    /// The pipeline: `outer > inner[3]`.
    pub path: String,
    /// Nodes that had ended well.
    pub finished: Vec<String>,
    /// Nodes that were running and were cancelled.
    pub cancelled: Vec<String>,
    /// Nodes that never started.
    pub skipped: Vec<String>,
}

/// What a line of a report tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportPart {
    /// Where it happened.
    Place,
    /// What was said of it.
    Message,
    /// Something that may explain it; the label comes first.
    Fact(&'static str),
}

/// Names shown of one list.
const NAMES: usize = 8;

impl FailureReport {
    /// Returns the report line by line: what it tells, and the text without its label. Texts of others in it may hold any
    /// characters but line breaks.
    #[must_use]
    pub fn lines(&self, everything: bool) -> Vec<(ReportPart, String)> {
        let mut lines = vec![(ReportPart::Place, self.place())];
        lines.extend(self.message.lines().map(|line| (ReportPart::Message, line.to_owned())));
        let mut fact = |label: &'static str, text: String| lines.push((ReportPart::Fact(label), one_line(&text)));
        self.causes.iter().for_each(|cause| fact("cause", cause.clone()));
        if !self.inputs.is_empty() {
            fact("inputs", self.inputs.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(" · "));
        }
        self.attempts().into_iter().for_each(|text| fact("attempts", text));
        let around = self.around.iter().take(if everything { usize::MAX } else { 1 });
        around.filter_map(LevelReport::words).for_each(|text| fact("around", text));
        if everything {
            self.backend.iter().for_each(|backend| fact("backend", backend.clone()));
            self.span.iter().for_each(|span| fact("span", span.to_string()));
        }
        lines
    }

    fn place(&self) -> String {
        let path = if self.path.is_empty() { "the run" } else { &self.path };
        one_line(&self.item.as_ref().map_or_else(|| path.to_owned(), |item| format!("{path} ({item})")))
    }

    fn attempts(&self) -> Vec<String> {
        let [first, rest @ ..] = self.attempts.as_slice() else { return Vec::new() };
        let took = |attempt: &AttemptReport| milliseconds(attempt.duration_ns);
        if rest.iter().all(|attempt| attempt.message == first.message) {
            let all: Vec<String> = self.attempts.iter().map(took).collect();
            return vec![format!("{}, with the same error each time ({})", self.attempts.len(), all.join(", "))];
        }
        let line = |(number, attempt): (usize, &AttemptReport)| format!("{number} ({}): {}", took(attempt), attempt.message);
        (1..).zip(&self.attempts).map(line).collect()
    }
}

impl LevelReport {
    /// Says what became of whom; nothing where there was nobody else.
    fn words(&self) -> Option<String> {
        let parts = [(&self.finished, "finished"), (&self.cancelled, "cancelled"), (&self.skipped, "never started")];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(names, _)| !names.is_empty())
            .map(|(names, did)| format!("{} {did}", listed(names)))
            .collect();
        (!parts.is_empty()).then(|| format!("in {}: {}", self.path, parts.join("; ")))
    }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(NAMES);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ⏎ ")
}

#[expect(clippy::cast_precision_loss, reason = "a duration for people")]
fn milliseconds(ns: u64) -> String {
    match ns {
        0..10_000_000 => format!("{:.1}ms", ns as f64 / 1e6),
        10_000_000..1_000_000_000 => format!("{:.0}ms", ns as f64 / 1e6),
        _ => format!("{:.2}s", ns as f64 / 1e9),
    }
}

impl fmt::Display for FailureReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut before = None;
        for (at, (part, text)) in self.lines(f.alternate()).into_iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            match part {
                ReportPart::Place => f.write_str(&text)?,
                ReportPart::Message => write!(f, "  {text}")?,
                ReportPart::Fact(label) => {
                    let shown = if before == Some(part) { "" } else { label };
                    write!(f, "  {shown:<8}  {text}")?;
                }
            }
            before = Some(part);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> FailureReport {
        let attempt = |ms: u64, message: &str| AttemptReport { duration_ns: ms * 1_000_000, message: message.into() };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        FailureReport {
            path: "failing > means[2] > readings".into(),
            item: Some("east".into()),
            error_type: "exit".into(),
            message: "`cat` exited with code 1:\nno such file".into(),
            causes: vec!["os error 2".into(), "disk\nis gone".into()],
            inputs: vec![("station".into(), "\"east\"".into()), ("year".into(), "1999".into())],
            attempts: vec![attempt(6, "no such file"), attempt(70, "no such file"), attempt(1_500, "no such file")],
            backend: Some("local, async".into()),
            span: Some(SpanId::from_u64(10)),
            around: vec![
                LevelReport {
                    path: "failing > means[2]".into(),
                    skipped: names(&["checked", "mean"]),
                    ..LevelReport::default()
                },
                LevelReport {
                    path: "failing".into(),
                    finished: names(&["stations"]),
                    skipped: names(&["report"]),
                    ..Default::default()
                },
            ],
        }
    }

    #[test]
    fn a_report_is_a_block_that_reads_by_itself() {
        assert_eq!(
            report().to_string(),
            "failing > means[2] > readings (east)\n  `cat` exited with code 1:\n  no such file\n  cause     os error 2\n            \
             disk ⏎ is gone\n  inputs    station = \"east\" · year = 1999\n  attempts  3, with the same error each time \
             (6.0ms, 70ms, 1.50s)\n  around    in failing > means[2]: checked, mean never started"
        );
        let all = format!("{:#}", report());
        assert!(all.contains("in failing: stations finished; report never started"), "{all}");
        assert!(all.ends_with("backend   local, async\n  span      000000000000000a"), "{all}");
    }

    #[test]
    fn attempts_that_differ_are_told_one_by_one() {
        let mut report = report();
        report.attempts[1].message = "timeout".into();
        let text = report.to_string();
        assert!(text.contains("attempts  1 (6.0ms): no such file\n            2 (70ms): timeout"), "{text}");
    }

    #[test]
    fn what_is_not_known_takes_no_line() {
        let bare = FailureReport { message: "no".into(), ..FailureReport::default() };
        assert_eq!(format!("{bare:#}"), "the run\n  no");
        let many = (0..20).map(|number| number.to_string()).collect();
        let level = LevelReport { path: "p".into(), finished: many, ..LevelReport::default() };
        assert_eq!(level.words().unwrap(), "in p: 0, 1, 2, 3, 4, 5, 6, 7 and 12 more finished");
    }
}
