//! The nearest right name for a wrong one, said to people.

pub use flowglass_engine::nearest;

/// Returns `did you mean …?` for the nearest candidate.
#[must_use]
pub(crate) fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|name| format!("did you mean `{name}`?"))
}
