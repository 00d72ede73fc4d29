//! The table at the end of a test run.

use std::time::Duration;

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    LeftOut,
}

/// A step's row in the table.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    name: &'static str,
    took: Duration,
}

impl Outcome {
    pub(super) fn new(name: &'static str, took: Duration, has_passed: bool) -> Outcome {
        Outcome { verdict: if has_passed { Verdict::Passed } else { Verdict::Failed }, name, took }
    }

    pub(super) fn left_out(name: &'static str) -> Outcome {
        Outcome { verdict: Verdict::LeftOut, name, took: Duration::ZERO }
    }

    fn row(&self) -> String {
        let (time, result) = match self.verdict {
            Verdict::Passed => (time(self.took), "ok"),
            Verdict::Failed => (time(self.took), "FAILED"),
            Verdict::LeftOut => ("-".to_owned(), "not run"),
        };
        format!("{:<10}{time:>12}  {result}\n", self.name)
    }
}

/// Renders one row a step, and as the last line how many passed and how many failed.
pub(super) fn render(outcomes: &[Outcome]) -> String {
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    let mut table = format!("{:<10}{:>12}  {}\n", "step", "time", "result");
    table.extend(outcomes.iter().map(Outcome::row));
    table.push_str(&format!("{} passed, {} failed\n", count(Verdict::Passed), count(Verdict::Failed)));
    table
}

fn time(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_the_steps() {
        let outcomes = [
            Outcome::new("format", Duration::from_millis(1_250), true),
            Outcome::new("lint", Duration::from_secs(125), false),
            Outcome::left_out("test"),
        ];
        let table = render(&outcomes);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "step              time  result",
                "format           1.2 s  ok",
                "lint        2 min 05 s  FAILED",
                "test                 -  not run",
                "1 passed, 1 failed"
            ]
        );
    }

    #[test]
    fn no_steps_are_no_failure() {
        assert!(render(&[]).ends_with("\n0 passed, 0 failed\n"));
    }
}
