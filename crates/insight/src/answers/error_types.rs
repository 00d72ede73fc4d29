//! Why things fail: failures by the types of their errors.

use std::collections::HashMap;

use flowglass_model::{Span, Status, conventions as names};
use serde::Serialize;

use super::nodes::part;

/// Failures with one type of error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorType {
    /// The type: the attribute `error.type`, else what the message says before its first colon, else `error`.
    pub error_type: String,
    /// How many failures have it.
    pub count: u64,
    /// The part of all failures that have it, 0 to 1.
    pub share: f64,
    /// The message of the latest of them.
    pub example: String,
    /// When that one started, in nanoseconds since 1970 UTC.
    pub last_unix_ns: i64,
}

/// Returns the types of errors of the spans that failed, the most frequent first.
#[must_use]
pub fn error_types(spans: &[Span]) -> Vec<ErrorType> {
    let failed: Vec<&Span> = spans.iter().filter(|span| span.status == Status::Error).collect();
    let mut types: HashMap<&str, ErrorType> = HashMap::new();
    for span in &failed {
        let error_type = type_of(span);
        let one = types.entry(error_type).or_insert_with(|| ErrorType {
            error_type: error_type.to_owned(),
            count: 0,
            share: 0.0,
            example: String::new(),
            last_unix_ns: i64::MIN,
        });
        one.count += 1;
        if span.start_unix_ns >= one.last_unix_ns {
            one.last_unix_ns = span.start_unix_ns;
            one.example.clone_from(&span.status_message);
        }
    }
    let share = |one: ErrorType| ErrorType { share: part(one.count, failed.len() as u64), ..one };
    let mut types: Vec<ErrorType> = types.into_values().map(share).collect();
    types.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.error_type.cmp(&b.error_type)));
    types
}

/// The longest type that is read from a message: what is longer before a colon is a sentence.
const LONGEST: usize = 60;

fn type_of(span: &Span) -> &str {
    let before_colon = || span.status_message.split_once(':').map(|(before, _)| before.trim());
    let fits = |text: &&str| !text.is_empty() && text.len() <= LONGEST && !text.contains('\n');
    span.text(names::ERROR_TYPE).filter(fits).or_else(|| before_colon().filter(fits)).unwrap_or("error")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_come_from_attributes_and_messages() {
        let failed = |at: i64, message: &str| Span {
            status: Status::Error,
            status_message: message.into(),
            start_unix_ns: at,
            ..Span::default()
        };
        let mut named = failed(1, "whatever: it says");
        named.attributes.push((names::ERROR_TYPE.into(), "Timeout".into()));
        let spans = [failed(5, "Disk: full"), failed(9, "Disk: gone"), failed(3, "no type"), named, Span::default()];
        let types: Vec<_> = error_types(&spans).into_iter().map(|one| (one.error_type, one.count, one.example)).collect();
        let wanted = [("Disk", 2, "Disk: gone"), ("Timeout", 1, "whatever: it says"), ("error", 1, "no type")];
        assert_eq!(types, wanted.map(|(name, count, example)| (name.to_owned(), count, example.to_owned())));
        assert_eq!(error_types(&[]), []);
    }
}
