//! Failures as blocks of text: where, what was said, and what may explain it.

use flowglass_insight::text;
use flowglass_model::{FailureReport, ReportPart};

use crate::Options;
use crate::ink::Ink;
use crate::line::{Line, shown};

/// Columns of a fact's label.
const LABEL: usize = 10;
/// Lines that one fact takes, at most.
const LINES: usize = 4;

/// Draws the first failures, at most so many, with an empty line between them and a line for those left out. Each line ends with
/// a line break; nothing where nothing failed.
#[must_use]
pub fn render(reports: &[FailureReport], limit: usize, options: &Options) -> String {
    let mut blocks: Vec<String> = reports.iter().take(limit).map(|report| block(report, *options)).collect();
    let more = reports.len().saturating_sub(limit);
    if more > 0 {
        let mut line = Line::new(*options);
        line.push(Ink::Dim, &format!("… and {more} more failed"));
        blocks.push(line.finish() + "\n");
    }
    blocks.join("\n")
}

fn block(report: &FailureReport, options: Options) -> String {
    let mut before = None;
    let mut drawn = String::new();
    for (part, text) in report.lines(false) {
        let label = match part {
            ReportPart::Fact(label) if before != Some(part) => label,
            _ => "",
        };
        before = Some(part);
        for line in lines(part, label, &text, options) {
            drawn.push_str(&(line.finish() + "\n"));
        }
    }
    drawn
}

fn lines(part: ReportPart, label: &str, text: &str, options: Options) -> Vec<Line> {
    let (lead, ink, limit) = match part {
        ReportPart::Place => (0, Ink::Strong, 1),
        ReportPart::Message => (2, Ink::Failed, usize::MAX),
        ReportPart::Fact(_) => (2 + LABEL, Ink::Plain, LINES),
    };
    let room = options.width.saturating_sub(lead + 2 * usize::from(part == ReportPart::Place)).max(1);
    let wrapped = wrapped(&shown(text, options), room, limit);
    let line = |(at, text): (usize, String)| {
        let mut line = Line::new(options);
        match (part, at) {
            (ReportPart::Place, 0) => drop(line.push(Ink::Failed, if options.unicode { "✗ " } else { "x " })),
            (ReportPart::Fact(_), 0) => drop(line.push(Ink::Plain, "  ").push(Ink::Dim, label)),
            _ => {}
        }
        let column = if part == ReportPart::Place { 2 } else { lead };
        line.pad_to(column).push(ink, &text);
        line
    };
    wrapped.into_iter().enumerate().map(line).collect()
}

/// Breaks a text between words into lines of so many columns; what has no room in so many lines is left out.
fn wrapped(text: &str, columns: usize, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_full = lines.len() == limit;
        match lines.last_mut() {
            Some(line) if text::width(line) + 1 + text::width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            Some(line) if is_full => {
                line.push_str(" …");
                break;
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::check_width;
    use flowglass_model::{AttemptReport, LevelReport};
    use proptest::prelude::*;

    fn report(message: &str) -> FailureReport {
        let attempt = |duration_ns| AttemptReport { duration_ns, message: "no such file".into() };
        FailureReport {
            path: "failing > means[2] > readings".into(),
            item: Some("east".into()),
            message: message.into(),
            inputs: vec![("station".into(), "\"east\"".into()), ("readings".into(), "time,celsius ".repeat(9))],
            attempts: vec![attempt(5_800_000), attempt(7_500_000)],
            around: vec![LevelReport {
                path: "failing > means[2]".into(),
                skipped: vec!["checked".into(), "mean".into()],
                ..LevelReport::default()
            }],
            ..FailureReport::default()
        }
    }

    #[test]
    fn a_failure_is_a_block() {
        let reports = [report("`cat` exited with code 1:\nno\u{1b}[31m such file"), report("two"), report("three")];
        insta::assert_snapshot!(render(&reports, 1, &Options::plain(72)), @r#"
        ✗ failing > means[2] > readings (east)
          `cat` exited with code 1:
          no␛[31m such file
          inputs    station = "east" · readings = time,celsius time,celsius
                    time,celsius time,celsius time,celsius time,celsius
                    time,celsius time,celsius time,celsius
          attempts  2, with the same error each time (5.8ms, 7.5ms)
          around    in failing > means[2]: checked, mean never started

        … and 2 more failed
        "#);
        assert_eq!(render(&[], 5, &Options::plain(72)), "");
    }

    proptest! {
        #[test]
        fn every_line_fits(message: String, width in 0usize..120, color: bool, unicode: bool) {
            check_width(&render(&[report(&message)], 5, &Options { width, color, unicode }), width.max(8));
        }
    }
}
