//! Whether a value says anything: writers of JSON may spell out what protobuf leaves out.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Says whether a value is another one than its type's default: nothing, empty, false or zero.
pub(super) struct Said(pub(super) bool);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Listener).map(Self)
    }
}

struct Listener;

impl<'de> Visitor<'de> for Listener {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<bool, E> {
        Ok(flag)
    }

    fn visit_i64<E>(self, number: i64) -> Result<bool, E> {
        Ok(number != 0)
    }

    fn visit_u64<E>(self, number: u64) -> Result<bool, E> {
        Ok(number != 0)
    }

    fn visit_f64<E>(self, number: f64) -> Result<bool, E> {
        Ok(number != 0.0)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(!text.is_empty())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut is_said = false;
        while list.next_element::<IgnoredAny>()?.is_some() {
            is_said = true;
        }
        Ok(is_said)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_said = false;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_said = true;
        }
        Ok(is_said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_says_nothing() {
        let said = |json: &str| serde_json::from_str::<Said>(json).unwrap().0;
        assert!(["null", "false", "0", "0.0", "\"\"", "[]", "{}"].into_iter().all(|json| !said(json)));
        assert!(["true", "1", "-1", "0.5", "\"0\"", "[null]", "{\"a\": {}}"].into_iter().all(said));
    }
}
