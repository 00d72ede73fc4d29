//! Values that go together, for a kind of use.

use flowglass_model::nearest::did_you_mean;

use super::key::PRESETS;

/// Returns the keys and values of a preset; those that aren't among them keep their defaults.
///
/// ```
/// assert!(flowglass::config::preset("production").unwrap().contains(&("sampling.rate", "0.1")));
/// ```
#[must_use]
pub fn preset(name: &str) -> Option<&'static [(&'static str, &'static str)]> {
    Some(match name {
        // All of it, and soon.
        "development" => &[("sampling.rate", "1"), ("recording.buffer_size", "50"), ("recording.interval", "250ms")],
        // All of it, in larger portions.
        "staging" => &[("sampling.rate", "1"), ("recording.buffer_size", "500"), ("recording.interval", "10s")],
        // A tenth, errors whole, and no events.
        "production" => &[
            ("sampling.rate", "0.1"),
            ("sampling.keep_errors", "true"),
            ("recording.buffer_size", "4096"),
            ("recording.interval", "30s"),
            ("recording.events", "false"),
        ],
        // As little as tells how things go.
        "high-volume" => &[
            ("sampling.rate", "0.05"),
            ("recording.buffer_size", "8192"),
            ("recording.interval", "60s"),
            ("recording.events", "false"),
            ("sampling.map_items", "off"),
            ("store.durability", "process"),
        ],
        _ => return None,
    })
}

/// Says which presets there are, for a name that is none.
pub(super) fn unknown(name: &str) -> String {
    let hint = did_you_mean(name, PRESETS).unwrap_or_else(|| format!("there are `{}`", PRESETS.join("`, `")));
    format!("there is no preset `{name}`; {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::key;
    use crate::config::value::Value;

    #[test]
    fn each_preset_says_values_of_keys() {
        for name in PRESETS {
            for (key_name, text) in preset(name).unwrap() {
                let key = key(key_name).unwrap();
                assert!(Value::from_text(key.kind, text).is_ok(), "{name}: {key_name}");
            }
        }
        assert!(preset("prod").is_none() && unknown("prodution").contains("production"));
    }
}
