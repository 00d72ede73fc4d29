//! Times as people say them: `5m ago`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Says how long ago a moment was.
pub(super) fn ago(unix_ns: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let then = u64::try_from(unix_ns / 1_000_000_000).unwrap_or(0);
    words(now.saturating_sub(then))
}

fn words(seconds: u64) -> String {
    match seconds {
        0..5 => "just now".to_owned(),
        5..60 => format!("{seconds}s ago"),
        60..3_600 => format!("{}m ago", seconds / 60),
        3_600..86_400 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_is_said() {
        let said = [0, 59, 60, 3_599, 7_300, 86_399, 200_000].map(words);
        assert_eq!(said, ["just now", "59s ago", "1m ago", "59m ago", "2h ago", "23h ago", "2d ago"]);
    }
}
