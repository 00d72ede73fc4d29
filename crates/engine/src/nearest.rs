//! The nearest right name to a wrong one, for messages.

/// Returns the known name nearest to a wrong one, if one is near: at most a third of its letters (and at least one) differ.
#[must_use]
pub fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    known.map(|name| (distance(wrong, name), name)).filter(|(distance, _)| *distance <= limit).min().map(|(_, name)| name)
}

/// The number of letters to insert, delete, replace or swap with their neighbour (optimal string alignment distance).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = || ["text", "limit", "folder"].into_iter();
        assert_eq!(nearest("txet", known()), Some("text"));
        assert_eq!(nearest("foldr", known()), Some("folder"));
        assert_eq!(nearest("banana", known()), None);
        assert_eq!(nearest("", known()), None);
    }
}
