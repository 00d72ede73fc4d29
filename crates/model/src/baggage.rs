//! W3C baggage: names and values that travel with a trace, for everyone below to read.
//!
//! The format is <https://www.w3.org/TR/baggage/>; in environment variables it is `BAGGAGE`.

use std::fmt::{self, Write as _};

use crate::conventions;

/// So many entries travel at most: what the specification asks everyone to pass on.
const MAX_ENTRIES: usize = 64;
/// So many bytes a header has at most.
const MAX_BYTES: usize = 8192;

/// Names and values that travel with a trace. They are sent to everyone who is called: no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baggage(Vec<BaggageEntry>);

/// One name with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaggageEntry {
    /// The name: a token of HTTP.
    pub key: String,
    /// The value: any text.
    pub value: String,
    /// What is said about the entry, as it stands in the header; mostly empty.
    pub properties: String,
}

impl Baggage {
    /// Reads the values of all headers of that name. What is no entry is left out, and so is what passes the limits; of
    /// two entries with one key, the later one counts.
    #[must_use]
    pub fn parse<'h>(headers: impl IntoIterator<Item = &'h str>) -> Self {
        let mut baggage = Self::default();
        let mut bytes = 0;
        for member in headers.into_iter().flat_map(|header| header.split(',')) {
            bytes += member.len() + 1;
            if bytes > MAX_BYTES + 1 {
                break;
            }
            if let Some(entry) = BaggageEntry::parse(member) {
                baggage.insert(entry);
            }
        }
        baggage
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str())
    }

    /// Sets the value of a name; says whether it did. A name that isn't a token of HTTP, or the 65th, is left out.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) -> bool {
        let entry = BaggageEntry { key: key.into(), value: value.into(), properties: String::new() };
        is_token(&entry.key) && self.insert(entry)
    }

    /// Forgets a name; returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.0.iter().position(|entry| entry.key == key)?;
        Some(self.0.remove(at).value)
    }

    /// Returns the entries, in the order in which they came.
    #[must_use]
    pub fn entries(&self) -> &[BaggageEntry] {
        &self.0
    }

    /// Says whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what names this work across all systems: the entry `correlation.id`.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.get(conventions::CORRELATION_ID)
    }

    fn insert(&mut self, entry: BaggageEntry) -> bool {
        let known = self.0.iter().position(|known| known.key == entry.key);
        match known {
            Some(at) => self.0[at] = entry,
            None if self.0.len() < MAX_ENTRIES => self.0.push(entry),
            None => return false,
        }
        true
    }
}

impl fmt::Display for Baggage {
    /// Writes the header's value. Entries that would pass its limit are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0;
        for entry in &self.0 {
            let text = entry.to_string();
            let separator = usize::from(written > 0);
            if written + separator + text.len() <= MAX_BYTES {
                f.write_str(if separator == 1 { "," } else { "" })?;
                f.write_str(&text)?;
                written += separator + text.len();
            }
        }
        Ok(())
    }
}

impl BaggageEntry {
    fn parse(member: &str) -> Option<Self> {
        let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (trim(key), trim(value));
        if !is_token(key) || !value.bytes().all(is_value_byte) {
            return None;
        }
        Some(Self { key: key.to_owned(), value: decode(value), properties: trim(properties).to_owned() })
    }
}

impl fmt::Display for BaggageEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key)?;
        for byte in self.value.bytes() {
            if is_value_byte(byte) && byte != b'%' { f.write_char(char::from(byte))? } else { write!(f, "%{byte:02X}")? }
        }
        if self.properties.is_empty() { Ok(()) } else { write!(f, ";{}", self.properties) }
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

const fn is_value_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}

/// Decodes `%41`; what is no UTF-8 then becomes the replacement character, as the specification asks.
fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'%').then(|| tail.get(..2)).flatten().and_then(hex);
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digits: &[u8]) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(digits[0])? << 4 | value(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(header: &str) -> Vec<(String, String)> {
        Baggage::parse([header]).entries().iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
    }

    #[test]
    fn the_specifications_examples_are_read() {
        let baggage = Baggage::parse(["key1=value1,key2 = value2;property1;property2, key3=value3; propertyKey=propertyValue"]);
        assert_eq!(
            (baggage.get("key1"), baggage.get("key2"), baggage.get("key3")),
            (Some("value1"), Some("value2"), Some("value3"))
        );
        assert_eq!(baggage.entries()[1].properties, "property1;property2");
        assert_eq!(
            read("serverNode=DF%2028,userId=Am%C3%A9lie"),
            [("serverNode".to_owned(), "DF 28".to_owned()), ("userId".to_owned(), "Amélie".to_owned()),]
        );
        assert_eq!(baggage.to_string(), "key1=value1,key2=value2;property1;property2,key3=value3;propertyKey=propertyValue");
    }

    #[test]
    fn what_is_no_entry_is_left_out() {
        assert_eq!(read("a=1,,b,=2,c d=3,e=\u{e9},f=x\"y, g = 4 "), [("a".into(), "1".into()), ("g".into(), "4".into())]);
        assert_eq!(read("a=%zz%4"), [("a".into(), "%zz%4".into())]);
        assert_eq!(read("a=%ff"), [("a".into(), "\u{fffd}".into())]);
        assert_eq!(read("a=1,a=2"), [("a".into(), "2".into())]);
        assert!(!Baggage::default().set("a b", "x"));
    }

    #[test]
    fn limits_hold_both_ways() {
        let many: Vec<String> = (0..100).map(|at| format!("k{at}=v")).collect();
        assert_eq!(Baggage::parse([many.join(",").as_str()]).entries().len(), MAX_ENTRIES);
        let mut large = Baggage::default();
        assert!(large.set("a", "x".repeat(5000)) && large.set("b", "y".repeat(5000)) && large.set("c", "z"));
        let header = large.to_string();
        assert!(header.len() <= MAX_BYTES && header.ends_with(",c=z"));
        assert_eq!(Baggage::parse([header.as_str(), &"x".repeat(9000)]).entries().len(), 2);
    }

    proptest! {
        #[test]
        fn any_value_comes_back(value in ".*") {
            let mut baggage = Baggage::default();
            baggage.set("key", value.as_str());
            let header = baggage.to_string();
            prop_assume!(header.len() <= MAX_BYTES);
            let back = Baggage::parse([header.as_str()]);
            prop_assert_eq!(back.get("key"), Some(value.as_str()));
        }
    }
}
