//! Sizes on the command line.

use flowglass::config::size;

/// Reads a size in bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    size(text.trim()).ok_or_else(|| "write it like `1GB`, `500MB` or `1.5GiB`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_says_what_is_right() {
        assert_eq!(parse(" 1.5 kib "), Ok(1_536));
        assert!(parse("1 GBs").unwrap_err().contains("`500MB`"));
    }
}
