//! Names whose values are never shown in graphs and in the messages of errors: there, no recorder says more.

use std::sync::LazyLock;

use flowglass_model::Redaction;

/// What is hidden where nobody says otherwise: a constant, made once.
static SECRETS: LazyLock<Redaction> = LazyLock::new(Redaction::secrets);

/// Returns what may be shown of a value of this name.
pub(crate) fn shown(name: &str, text: String) -> String {
    match SECRETS.text_of(name, &text) {
        std::borrow::Cow::Borrowed(same) if same.len() == text.len() => text,
        hidden => hidden.into_owned(),
    }
}
