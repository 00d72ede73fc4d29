//! What must not be shown: secrets, known by the name that they stand under or by what they look like.

mod assignment;
mod batch;
mod kept;
mod keys;
mod scan;
mod shapes;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use self::batch::Cleaned;
pub use self::kept::Kept;

use self::keys::Pattern;
use crate::{AttributeValue, Attributes};

/// What stands where a secret was.
pub const REDACTED: &str = "[redacted]";

/// Which values are secrets. The default hides them by their names and by what they look like; nothing that it knows reaches a
/// store, a receiver, a log or a screen.
///
/// * **By name**: the words `password`, `secret`, `token`, `api_key`, `authorization`, `cookie`, `credential`, `private_key` and
///   their like in the key of an attribute, the name of an input, the key of a nested value, and in front of `=` or `:` in a text.
///   Words count, not letters: `tokens` and `tokenizer` are no secrets, `accessToken` and `x-api-key` are.
/// * **By what it looks like**: keys of OpenAI, Anthropic, AWS, Google, GitHub, GitLab, Slack, Stripe and others; JSON web tokens;
///   PEM private keys; `Bearer …`; passwords in addresses (`postgres://user:…@host`).
///
/// ```
/// use flowglass_model::Redaction;
///
/// let redaction = Redaction::secrets().key("iban").value("customer", |text| {
///     text.find("CUST-").map(|start| start..text.len()).into_iter().collect()
/// });
/// assert!(redaction.hides_key("db.password") && redaction.hides_key("iban") && !redaction.hides_key("llm.tokens.total"));
/// assert_eq!(redaction.text("connect to postgres://me:hunter2@db"), "connect to postgres://me:[redacted]@db");
/// assert_eq!(redaction.text("of CUST-17"), "of [redacted]");
/// assert_eq!(Redaction::off().text("password=hunter2"), "password=hunter2");
/// ```
#[derive(Clone)]
pub struct Redaction(Option<Arc<Rules>>);

#[derive(Clone, Default)]
struct Rules {
    hidden: Vec<Pattern>,
    shown: Vec<Pattern>,
    values: Vec<(String, Find)>,
    has_cards: bool,
}

/// Says where in a text there is something to hide.
type Find = Arc<dyn Fn(&str) -> Vec<Range<usize>> + Send + Sync>;

impl Default for Redaction {
    fn default() -> Self {
        Self::secrets()
    }
}

impl Redaction {
    /// Hides secrets: the default.
    #[must_use]
    pub fn secrets() -> Self {
        Self(Some(Arc::default()))
    }

    /// Hides nothing.
    #[must_use]
    pub const fn off() -> Self {
        Self(None)
    }

    /// Says whether nothing is hidden.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.0.is_none()
    }

    /// Also hides what stands under keys with this word, or these words behind each other (`bank_account`); a pattern with `*`
    /// is compared with the whole key. In any case of letters.
    #[must_use]
    pub fn key(self, pattern: &str) -> Self {
        self.with(|rules| rules.hidden.push(Pattern::new(pattern)))
    }

    /// Shows what stands under these keys, whatever else says of them. As [`key`](Self::key).
    #[must_use]
    pub fn show_key(self, pattern: &str) -> Self {
        self.with(|rules| rules.shown.push(Pattern::new(pattern)))
    }

    /// Also hides what this finds in a text. It is asked for every text that differs from the others of a batch, on the
    /// recorder's own thread.
    #[must_use]
    pub fn value(self, name: &str, find: impl Fn(&str) -> Vec<Range<usize>> + Send + Sync + 'static) -> Self {
        self.with(|rules| rules.values.push((name.to_owned(), Arc::new(find))))
    }

    /// Also hides numbers of credit cards: 13 to 19 digits, also in groups, whose check digit is right. Some other numbers look
    /// the same, so this is a choice.
    #[must_use]
    pub fn credit_cards(self) -> Self {
        self.with(|rules| rules.has_cards = true)
    }

    /// Says whether what stands under this key is a secret.
    #[must_use]
    pub fn hides_key(&self, key: &str) -> bool {
        self.0.as_ref().is_some_and(|rules| rules.hides_key(key))
    }

    /// Returns a text without the secrets in it.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.0.as_ref().map(|rules| rules.find(text.as_bytes())) {
            // The ranges lie between characters, so this loses nothing.
            Some(found) if !found.is_empty() => {
                Cow::Owned(String::from_utf8_lossy(&scan::replaced(text.as_bytes(), &found)).into_owned())
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// Returns what may be shown of a text that stands under this key.
    #[must_use]
    pub fn text_of<'a>(&self, key: &str, text: &'a str) -> Cow<'a, str> {
        if self.hides_key(key) && !text.is_empty() { Cow::Borrowed(REDACTED) } else { self.text(text) }
    }

    /// Hides the secrets among attributes; returns how many there were.
    pub fn attributes(&self, attributes: &mut Attributes) -> u64 {
        let Some(rules) = &self.0 else { return 0 };
        attributes.iter_mut().map(|(key, value)| rules.hide(key, value)).sum()
    }

    fn with(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(self.0.get_or_insert_default()));
        self
    }
}

impl Rules {
    fn hides_key(&self, key: &str) -> bool {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(key));
        (keys::is_secret(key) || fits(&self.hidden)) && !fits(&self.shown)
    }

    /// Finds what is to be hidden in a text, in order and apart from each other.
    fn find(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut found = scan::secrets(bytes, &|key| self.hides_key(key), self.has_cards);
        if !self.values.is_empty()
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            let all = self.values.iter().flat_map(|(_, find)| find(text));
            found.extend(all.filter(|range| !range.is_empty() && text.get(range.clone()).is_some()));
        }
        if found.len() > 1 { scan::joined(found) } else { found }
    }

    /// Hides a value if its key says so, else what is secret in it; returns how much there was.
    fn hide(&self, key: &str, value: &mut AttributeValue) -> u64 {
        if self.hides_key(key) && !is_harmless(value) {
            *value = REDACTED.into();
            return 1;
        }
        match value {
            AttributeValue::Str(text) => {
                let found = self.find(text.as_bytes());
                if !found.is_empty() {
                    *text = String::from_utf8_lossy(&scan::replaced(text.as_bytes(), &found)).into_owned();
                }
                found.len() as u64
            }
            AttributeValue::Bytes(bytes) => {
                let found = self.find(bytes);
                if !found.is_empty() {
                    *bytes = scan::replaced(bytes, &found);
                }
                found.len() as u64
            }
            // What is in a list stands under the list's key.
            AttributeValue::List(values) => values.iter_mut().map(|value| self.hide("", value)).sum(),
            AttributeValue::Map(entries) => entries.iter_mut().map(|(key, value)| self.hide(key, value)).sum(),
            _ => 0,
        }
    }
}

/// Says whether a value tells nothing even under the name of a secret: that there is none, or whether there is one.
fn is_harmless(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Null | AttributeValue::Bool(_) => true,
        AttributeValue::Str(text) => text.is_empty() || text == REDACTED,
        _ => false,
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(rules) = &self.0 else { return f.write_str("Redaction::off") };
        let values: Vec<&str> = rules.values.iter().map(|(name, _)| name.as_str()).collect();
        let mut debug = f.debug_struct("Redaction");
        debug.field("hidden", &rules.hidden).field("shown", &rules.shown).field("values", &values);
        debug.field("credit_cards", &rules.has_cards).finish()
    }
}

#[cfg(test)]
mod tests;
