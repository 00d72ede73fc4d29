//! Words and wildcards as patterns of `ILIKE`, wider than they are.

use crate::query::Pattern;

/// Returns patterns of which every text fits one in which words of ours occur.
///
/// Only ASCII letters whose upper case is theirs alone stay: what other letters have in common depends on the server, and the
/// Kelvin sign and the dotted I are the upper case of `k` and `i`, too. All else stands for anything.
pub(super) fn wide(patterns: &[Pattern]) -> Vec<String> {
    patterns.iter().map(wide_pattern).collect()
}

fn wide_pattern(pattern: &Pattern) -> String {
    let mut out = String::from("%");
    let mut letters = pattern.text().chars();
    while let Some(letter) = letters.next() {
        // A letter behind a backslash is itself.
        let plain = match letter {
            '\\' => letters.next(),
            '*' | '?' => None,
            letter => Some(letter),
        };
        match plain.filter(|letter| is_plain(*letter)) {
            Some(letter) => out.push(letter.to_ascii_lowercase()),
            None if out.ends_with('%') => {}
            None => out.push('%'),
        }
    }
    if !out.ends_with('%') {
        out.push('%');
    }
    out
}

/// Letters that a JSON text has as they are, and that no other letter becomes.
const fn is_plain(letter: char) -> bool {
    letter == ' ' || letter == '.' || letter.is_ascii_alphanumeric() && !matches!(letter, 'k' | 'K' | 'i' | 'I')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_sure_stays() {
        let wide = |text: &str| wide_pattern(&Pattern::new(text));
        assert_eq!(wide("enc*"), "%enc%");
        assert_eq!(wide("Größe 12"), "%gr%e 12%");
        assert_eq!(wide("100%_a\\*b"), "%100%a%b%");
        assert_eq!(wide("disk"), "%d%s%");
        assert_eq!((wide("*"), wide("")), ("%".to_owned(), "%".to_owned()));
    }
}
