//! How much of values is shown, on spans and in errors, and without which secrets.

use flowglass_model::{Failure, REDACTED, Redaction};
use serde::{Deserialize, Serialize};

use crate::value::Type;

/// What of the values is put on spans and into errors. Secrets are left out in any case: what is named like one (password,
/// token, …), and what looks like one; see [`Redaction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// What every call is given and makes (`value.inputs` and `value.outputs` on its span), nearly whole: up to 16 KiB of each.
    /// What comes from the cache isn't loaded for this.
    Full,
    /// The beginning of each value that an item works on, or that a node which failed was given.
    #[default]
    Previews,
    /// Only of which type they are.
    Types,
    /// Nothing.
    Off,
}

/// So much is shown of a value that is shown nearly whole, in bytes.
pub(crate) const FULL_BYTES: usize = 16 * 1024 - 8;

/// How values are shown at one place.
#[derive(Clone, Copy)]
pub(crate) struct Showing<'a> {
    pub(crate) capture: Capture,
    pub(crate) redaction: &'a Redaction,
}

impl Showing<'_> {
    pub(crate) fn is_off(&self) -> bool {
        self.capture == Capture::Off
    }

    /// Shows the value under this name, so much of it as `show` gives for a limit in bytes; what is still in the cache isn't
    /// loaded for this. Secrets in the text are left to the recorder.
    pub(crate) fn begin(
        &self,
        name: &str,
        ty: &Type,
        preview_bytes: usize,
        show: impl FnOnce(usize) -> Option<String>,
    ) -> Option<String> {
        match self.capture {
            Capture::Off => None,
            Capture::Types => Some(format!("<{ty}>")),
            _ if self.redaction.hides_key(name) => Some(REDACTED.to_owned()),
            Capture::Previews => show(preview_bytes),
            Capture::Full => show(FULL_BYTES),
        }
    }

    /// As [`begin`](Self::begin), for what goes elsewhere than to a recorder: without secrets in the text, too.
    pub(crate) fn whole(
        &self,
        name: &str,
        ty: &Type,
        preview_bytes: usize,
        show: impl FnOnce(usize) -> Option<String>,
    ) -> String {
        let shown = self.begin(name, ty, preview_bytes, show).unwrap_or_else(|| format!("<{ty}>"));
        self.without_secrets(shown)
    }

    /// Returns a text without the secrets in it.
    pub(crate) fn without_secrets(&self, text: String) -> String {
        match self.redaction.text(&text) {
            std::borrow::Cow::Owned(hidden) => hidden,
            std::borrow::Cow::Borrowed(_) => text,
        }
    }
}

/// Returns what may be told of a failure.
pub(crate) fn told(redaction: &Redaction, failure: Failure) -> Failure {
    let hide = |text: String| Showing { capture: Capture::Full, redaction }.without_secrets(text);
    Failure {
        error_type: failure.error_type,
        message: hide(failure.message),
        causes: failure.causes.into_iter().map(hide).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_shows_what_it_says() {
        let redaction = Redaction::secrets();
        let show = |capture, name: &str| {
            let showing = Showing { capture, redaction: &redaction };
            showing.begin(name, &crate::type_of!(String), 3, |limit| Some("password=abc"[..limit.min(12)].to_owned()))
        };
        assert_eq!(show(Capture::Off, "a"), None);
        assert_eq!(show(Capture::Types, "password").unwrap(), format!("<{}>", crate::type_of!(String)));
        assert_eq!(show(Capture::Previews, "a").unwrap(), "pas");
        assert_eq!(show(Capture::Full, "token").unwrap(), REDACTED);
        let showing = Showing { capture: Capture::Full, redaction: &redaction };
        let whole = showing.whole("a", &crate::type_of!(String), 3, |_| Some("password=abc".to_owned()));
        assert_eq!(whole, "password=[redacted]");
    }
}
