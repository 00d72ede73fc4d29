//! What a check reports: the place, what is wrong there and what to do.

use std::fmt;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    path: String,
    line: Option<usize>,
    what: String,
    remedy: String,
}

impl Finding {
    /// Reports something about a whole file.
    pub(super) fn in_file(path: &str, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line: None, what: what.into(), remedy: remedy.into() }
    }

    /// Reports something on a line, counted from 1.
    pub(super) fn on_line(path: &str, line: usize, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { line: Some(line), ..Finding::in_file(path, what, remedy) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        write!(formatter, ": {}; {}", self.what, self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_place_fault_and_remedy() {
        assert_eq!(Finding::on_line("a.rs", 3, "bad", "mend it").to_string(), "a.rs:3: bad; mend it");
        assert_eq!(Finding::in_file("a.rs", "bad", "mend it").to_string(), "a.rs: bad; mend it");
    }
}
