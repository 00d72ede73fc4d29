//! Values as a span shows them, where it shows what it was given and what it made.

use std::sync::Arc;

use flowglass_model::{AttributeValue, LazyValue};

use super::lot::Lot;
use crate::capture::{FULL_BYTES, Showing};

/// Shows the values of a lot by their names: all of them together no longer than one value may be. What isn't here isn't loaded for
/// this. Secrets in the texts are left to the recorder.
pub(in crate::run) fn shown(showing: Showing<'_>, names: &[Arc<str>], lot: &Lot<'_>) -> Option<AttributeValue> {
    let mut room_bytes = FULL_BYTES;
    let shown = names.iter().enumerate().filter_map(|(at, name)| {
        let found = lot.at(at)?;
        let text = showing.begin(name, &found.ty, 0, |limit| found.preview(limit.min(room_bytes)))?;
        room_bytes = room_bytes.saturating_sub(text.len());
        Some((name.to_string(), AttributeValue::from(text)))
    });
    let shown: Vec<_> = shown.collect();
    (!shown.is_empty()).then_some(AttributeValue::Map(shown))
}
