//! Sizes as people write them: `1GB`, `500 MB`, `1.5GiB`.

const UNITS: [(&str, f64); 10] = [
    ("", 1.0),
    ("b", 1.0),
    ("kb", 1e3),
    ("mb", 1e6),
    ("gb", 1e9),
    ("tb", 1e12),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("tib", 1_099_511_627_776.0),
];

/// Reads a size in bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    size(text.trim()).ok_or_else(|| "write it like `1GB`, `500MB` or `1.5GiB`".to_owned())
}

fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor)?;
    let size = number.parse::<f64>().ok()? * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in range, and fractions of bytes don't count"
    )]
    (size < 1e18).then_some(size as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse("1GB"), Ok(1_000_000_000));
        assert_eq!(parse("1.5 kib"), Ok(1_536));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("12 B"), Ok(12));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "GB", "1 GBs", "-1", "1..2MB", "9999999TB", "1e3"] {
            assert!(parse(text).unwrap_err().contains("1GB"), "{text}");
        }
    }
}
