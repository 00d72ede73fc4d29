//! The marks of how something stands, as paths: no font draws them the same everywhere.

use flowglass_model::Status;

use crate::svg::markup::Px;

/// Returns the class that colours something with this status that came from the cache or not.
pub(super) const fn class(status: Status, is_cached: bool) -> &'static str {
    match status {
        Status::Error => "failed",
        Status::Interrupted => "broken",
        Status::Running => "running",
        Status::Cancelled | Status::Skipped => "stopped",
        _ if is_cached => "cached",
        _ => "ok",
    }
}

/// Draws the mark of a status in a square of 12 pixels whose middle is at these coordinates.
pub(super) fn icon(status: Status, is_cached: bool, x: f64, y: f64) -> String {
    let (shape, is_filled) = match status {
        Status::Error => ("M-3.6-3.6 3.6 3.6M3.6-3.6-3.6 3.6", false),
        Status::Interrupted => ("M0-5 5.4 4.6H-5.4Z", true),
        Status::Running => ("M-4 0h.1M0 0h.1M4 0h.1", false),
        Status::Cancelled | Status::Skipped => ("M-4 0H4", false),
        _ if is_cached => ("M1-6-4 1H-.6L-1.4 6 4-1.2H.6Z", true),
        _ => ("M-4.4.3-1.4 3.4 4.4-3.6", false),
    };
    let class = class(status, is_cached);
    let kind = if is_filled { class.to_owned() } else { format!("{class}-line line") };
    format!(r#"<path class="{kind}" transform="translate({} {})" d="{shape}"/>"#, Px(x), Px(y))
}
