//! Durations in the parentheses of `#[node(…)]`: `"90s"`, `"1h"`, `"1d12h"`.

use std::time::Duration;

use syn::LitStr;

/// Reads whole numbers with the units `ms`, `s`, `m`, `h` and `d`, one behind the other.
pub(crate) fn parse(text: &LitStr) -> syn::Result<Duration> {
    let problem =
        || syn::Error::new(text.span(), format!("`{}` is no time: write it like \"90s\", \"1h\" or \"1d12h\"", text.value()));
    read(&text.value()).ok_or_else(problem)
}

fn read(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(unit_ms)?))?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(read("90s"), Some(Duration::from_secs(90)));
        assert_eq!(read("1d12h"), Some(Duration::from_secs(129_600)));
        assert_eq!(read("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(read("0s"), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "1", "h", "1 h", "-1s", "1.5h", "1y", "99999999999999999999s", "999999999999999999d"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
