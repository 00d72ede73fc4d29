//! What every contender records.

use std::hint::black_box;

/// Traces in a batch.
pub(super) const TRACES: usize = 64;
/// Children of a trace's root.
pub(super) const CHILDREN: usize = 10;
/// Spans in a batch.
pub(super) const SPANS: usize = TRACES * (CHILDREN + 1);

/// Attributes of a child that are the same for all.
pub(super) const MODEL: &str = "resnet";
pub(super) const ROWS: i64 = 4096;
pub(super) const ATTEMPT: i64 = 1;
pub(super) const CACHED: bool = false;
pub(super) const SCORE: f64 = 0.75;

/// Texts of 16 bytes that the compiler doesn't know, one for each child.
pub(super) fn keys() -> Vec<String> {
    (0..CHILDREN).map(|child| black_box(format!("object-{child:09}"))).collect()
}
