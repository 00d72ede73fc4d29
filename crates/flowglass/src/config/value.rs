//! Values of keys: from text, from TOML, and back to text.

use std::fmt;
use std::time::Duration;

use flowglass_model::parse_duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::Kind;
use super::size::size;

/// A value of a key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Rate`].
    Rate(f64),
    /// Of [`Kind::Count`] and [`Kind::Size`] (bytes).
    Count(u64),
    /// Of [`Kind::Time`].
    Time(Duration),
    /// Of [`Kind::Text`], [`Kind::Secret`], [`Kind::Path`] and [`Kind::Choice`].
    Text(String),
    /// Of [`Kind::Texts`].
    Texts(Vec<String>),
    /// Of [`Kind::Pairs`] and [`Kind::SecretPairs`].
    Pairs(Vec<(String, String)>),
    /// Of [`Kind::Rates`].
    Rates(Vec<(String, f64)>),
}

impl Value {
    /// Reads a value as variables and arguments have it.
    ///
    /// # Errors
    /// What it should be, if it isn't that.
    pub fn from_text(kind: Kind, text: &str) -> Result<Self, String> {
        let text = text.trim();
        let value = match kind {
            Kind::Flag => flag(text).map(Self::Flag),
            Kind::Rate => text.parse().ok().and_then(rate).map(Self::Rate),
            Kind::Count(least) => text.parse::<u64>().ok().filter(|count| *count >= least).map(Self::Count),
            Kind::Size => size(text).map(Self::Count),
            Kind::Time => time(text).map(Self::Time),
            Kind::Choice(words) => choice(words, text).map(Self::Text),
            Kind::Text | Kind::Secret | Kind::Path => Some(Self::Text(text.to_owned())),
            Kind::Texts => Some(Self::Texts(parts(text).map(str::to_owned).collect())),
            Kind::Pairs | Kind::SecretPairs => pairs(text).map(Self::Pairs),
            Kind::Rates => {
                let rates = |(name, text): (String, String)| Some((name, text.parse().ok().and_then(rate)?));
                pairs(text).and_then(|pairs| pairs.into_iter().map(rates).collect()).map(Self::Rates)
            }
        };
        value.ok_or_else(|| wanted(kind))
    }

    /// Reads a value as files have it.
    pub(super) fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<Self, String> {
        let read = match (kind, value) {
            (Kind::Flag, DeValue::Boolean(flag)) => Some(Self::Flag(*flag)),
            (Kind::Texts, DeValue::Array(texts)) => {
                let text = |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().map(str::to_owned);
                texts.iter().map(text).collect::<Option<_>>().map(Self::Texts)
            }
            (Kind::Texts, DeValue::String(text)) => return Self::from_text(kind, text),
            (Kind::Pairs | Kind::SecretPairs, DeValue::Table(table)) => flat(table).map(Self::Pairs),
            (Kind::Rates, DeValue::Table(table)) => {
                let rates = |(name, text): (String, String)| Some((name, text.parse().ok().and_then(rate)?));
                flat(table).and_then(|pairs| pairs.into_iter().map(rates).collect()).map(Self::Rates)
            }
            (Kind::Flag | Kind::Texts | Kind::Pairs | Kind::SecretPairs | Kind::Rates, _) => None,
            (Kind::Rate | Kind::Count(_), DeValue::String(_)) | (_, DeValue::Boolean(_)) => None,
            (kind, value) => return plain(value).map_or_else(|| Err(wanted(kind)), |text| Self::from_text(kind, &text)),
        };
        read.ok_or_else(|| wanted(kind))
    }
}

impl fmt::Display for Value {
    /// Writes the value as a variable would have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Rate(rate) => write!(f, "{rate}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Time(time) => write!(f, "{time:?}"),
            Self::Text(text) => f.write_str(text),
            Self::Texts(texts) => f.write_str(&texts.join(",")),
            Self::Pairs(pairs) => f.write_str(&joined(pairs.iter().map(|(name, text)| format!("{name}={text}")).collect())),
            Self::Rates(rates) => f.write_str(&joined(rates.iter().map(|(name, rate)| format!("{name}={rate}")).collect())),
        }
    }
}

/// Says what a value should be.
fn wanted(kind: Kind) -> String {
    match kind {
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Rate => "a number from 0 to 1".to_owned(),
        Kind::Count(0) => "a whole number".to_owned(),
        Kind::Count(least) => format!("a whole number from {least} on"),
        Kind::Size => "a size like `64MB` or `1GiB`, or a number of bytes".to_owned(),
        Kind::Time => "a time like `250ms`, `5s` or `30d`".to_owned(),
        Kind::Text | Kind::Secret => "text".to_owned(),
        Kind::Path => "a path or an address".to_owned(),
        Kind::Choice(words) => format!("one of `{}`", words.join("`, `")),
        Kind::Texts => "a list of texts".to_owned(),
        Kind::Pairs | Kind::SecretPairs => "names with a text each".to_owned(),
        Kind::Rates => "names with a number from 0 to 1 each".to_owned(),
    }
}

fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().replace('_', "")),
        DeValue::Float(number) => Some(number.as_str().replace('_', "")),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Returns the texts of a table by their names; those of tables inside have dotted names.
fn flat(table: &DeTable<'_>) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for (name, value) in table {
        let name = name.get_ref().to_string();
        match value.get_ref() {
            DeValue::Table(inner) => {
                pairs.extend(flat(inner)?.into_iter().map(|(rest, text)| (format!("{name}.{rest}"), text)))
            }
            value => pairs.push((name, plain(value)?)),
        }
    }
    Some(pairs)
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn rate(rate: f64) -> Option<f64> {
    (0.0..=1.0).contains(&rate).then_some(rate)
}

fn time(text: &str) -> Option<Duration> {
    if text == "0" { Some(Duration::ZERO) } else { parse_duration(text) }
}

fn choice(words: &[&str], text: &str) -> Option<String> {
    words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| (*word).to_owned())
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    parts(text).map(|part| part.split_once('=').map(|(name, text)| (name.trim().to_owned(), text.trim().to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values() {
        let read = |kind, text| Value::from_text(kind, text);
        assert_eq!(read(Kind::Flag, " Off "), Ok(Value::Flag(false)));
        assert_eq!(read(Kind::Rate, "0.05"), Ok(Value::Rate(0.05)));
        assert_eq!(read(Kind::Size, "1.5 KiB"), Ok(Value::Count(1536)));
        assert_eq!(read(Kind::Size, "64MB"), Ok(Value::Count(64_000_000)));
        assert_eq!(read(Kind::Time, "250ms"), Ok(Value::Time(Duration::from_millis(250))));
        assert_eq!(read(Kind::Time, "0"), Ok(Value::Time(Duration::ZERO)));
        assert_eq!(read(Kind::Texts, "a, b,,c"), Ok(Value::Texts(vec!["a".into(), "b".into(), "c".into()])));
        assert_eq!(
            read(Kind::Rates, "nightly*=1,health=0"),
            Ok(Value::Rates(vec![("nightly*".into(), 1.0), ("health".into(), 0.0)]))
        );
        assert_eq!(read(Kind::Choice(&["full", "off"]), "FULL"), Ok(Value::Text("full".into())));
    }

    #[test]
    fn what_is_something_else_is_told_what_it_should_be() {
        let refused = |kind, text| Value::from_text(kind, text).unwrap_err();
        assert_eq!(refused(Kind::Rate, "1.5"), "a number from 0 to 1");
        assert_eq!(refused(Kind::Rate, "NaN"), "a number from 0 to 1");
        assert_eq!(refused(Kind::Count(1), "0"), "a whole number from 1 on");
        assert!(refused(Kind::Size, "1 parsec").contains("64MB") && refused(Kind::Time, "soon").contains("5s"));
        assert_eq!(refused(Kind::Choice(&["full", "off"]), "of"), "one of `full`, `off`");
        assert!(refused(Kind::Pairs, "a").contains("names") && refused(Kind::Rates, "a=2").contains("from 0 to 1"));
    }
}
