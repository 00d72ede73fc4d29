//! Sizes as people write them: `1GB`, `500 MB`, `1.5GiB`.

/// Reads a size in bytes, as the configuration and the command line have it: `64MB`, `1.5 GiB`, `10k` or a number of bytes. Nothing where
/// it isn't one, or is more than any store holds (10^18).
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let (prefix, base) = match unit.strip_suffix("ib") {
        Some(prefix) => (prefix, 1024.0_f64),
        None => (unit.strip_suffix('b').unwrap_or(&unit), 1000.0),
    };
    let power = ["", "k", "m", "g", "t"].iter().position(|known| *known == prefix)?;
    let size = number.parse::<f64>().ok()? * base.powi(i32::try_from(power).ok()?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in range, and parts of bytes don't count"
    )]
    (size < 1e18).then_some(size as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let sizes = ["1GB", "1.5 kib", "0", "12 B", "64k", "2TiB"].map(size);
        assert_eq!(sizes, [1_000_000_000, 1_536, 0, 12, 64_000, 2_199_023_255_552].map(Some));
    }

    #[test]
    fn anything_else_is_none() {
        for text in ["", "GB", "1 GBs", "-1", "1..2MB", "9999999TB", "1e3", "5 é"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
