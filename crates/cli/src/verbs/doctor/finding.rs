//! One thing that was looked at.

use flowglass::model::Redaction;

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// It works, and is probably not what was meant.
    Strange,
    Wrong,
}

impl Verdict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Strange => "warning",
            Self::Wrong => "error",
        }
    }

    pub(super) const fn mark(self, color: bool) -> &'static str {
        match (self, color) {
            (Self::Good, false) => "✓",
            (Self::Good, true) => "\u{1b}[32m✓\u{1b}[0m",
            (Self::Strange, false) => "!",
            (Self::Strange, true) => "\u{1b}[33m!\u{1b}[0m",
            (Self::Wrong, false) => "✗",
            (Self::Wrong, true) => "\u{1b}[31m✗\u{1b}[0m",
        }
    }
}

/// What was found, and what to do about it.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) about: String,
    pub(super) verdict: Verdict,
    pub(super) says: String,
    pub(super) advice: String,
}

impl Finding {
    pub(super) fn good(about: &str, says: impl Into<String>) -> Self {
        Self::new(about, Verdict::Good, says.into(), "")
    }

    pub(super) fn strange(about: &str, says: impl Into<String>, advice: &str) -> Self {
        Self::new(about, Verdict::Strange, says.into(), advice)
    }

    pub(super) fn wrong(about: &str, says: impl Into<String>, advice: &str) -> Self {
        Self::new(about, Verdict::Wrong, says.into(), advice)
    }

    /// Nothing that it says may be a secret: addresses and messages of others are in it.
    fn new(about: &str, verdict: Verdict, says: String, advice: &str) -> Self {
        let redaction = Redaction::secrets();
        let says = redaction.text(&says).into_owned();
        Self { about: redaction.text(about).into_owned(), verdict, says, advice: advice.to_owned() }
    }
}
