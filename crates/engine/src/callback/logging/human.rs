//! A log for people: `[root] Pipeline started: root`, `  → Node: x`, `  ✓ Node: x (0.50s)`.

use super::entry::{Entry, What};
use crate::callback::CallbackContext;

pub(super) fn line(entry: &Entry, context: &CallbackContext) -> String {
    let said = match entry.what {
        What::Pipeline => format!("[{}] {}", context.hierarchy().join(" > "), entry.message()),
        What::Error => format!("  {} {}", entry.mark, entry.message()),
        _ => {
            let detail = entry.detail.iter().map(|detail| format!(": {detail}")).collect::<String>();
            format!("  {} {}: {}{detail}", entry.mark, entry.noun, entry.name)
        }
    };
    let took = match (entry.verb, entry.seconds) {
        ("cached", _) => " (cached)".to_owned(),
        ("skipped", _) => " (skipped)".to_owned(),
        ("cancelled", Some(seconds)) => format!(" (cancelled, {seconds:.2}s)"),
        (_, Some(seconds)) => format!(" ({seconds:.2}s)"),
        (_, None) => String::new(),
    };
    format!("{}{}{took}", "  ".repeat(context.depth()), harmless(&said))
}

/// Keeps a text on one line, and what could steer a terminal out.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
