//! The nearest right name for a wrong one, by edit distance, and the question that says it to people.

/// Names beyond this many are not compared, so that a huge file full of mistakes is still read quickly.
const MOST_CANDIDATES: usize = 10_000;

/// Returns the candidate that a person most probably meant, if any is close enough to be worth naming.
///
/// Letters in another case, swapped, missing or added count little; at most a third of the name may differ.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.chars().flat_map(char::to_lowercase).collect();
    let most = (wrong.len() / 3).max(1);
    candidates
        .into_iter()
        .take(MOST_CANDIDATES)
        .filter_map(|candidate| Some((distance_within(&wrong, candidate, most)?, candidate)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Returns `did you mean …?` for the nearest candidate.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|name| format!("did you mean `{name}`?"))
}

fn distance_within(wrong: &[char], candidate: &str, most: usize) -> Option<usize> {
    let candidate: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
    if wrong.len().abs_diff(candidate.len()) > most {
        return None;
    }
    let distance = edit_distance(wrong, &candidate);
    // A name of one letter is as near to any other such name: that is no hint.
    (distance <= most && distance < wrong.len().max(candidate.len())).then_some(distance)
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost one each.
fn edit_distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &b) in right.iter().enumerate() {
            let replaced = last[column] + usize::from(a != b);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && a == right[column - 1] && left[row - 1] == b;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_find_their_name() {
        let names = ["files", "words", "summary", "map_over"];
        assert_eq!(nearest("fiels", names), Some("files"));
        assert_eq!(nearest("Words", names), Some("words"));
        assert_eq!(nearest("mapover", names), Some("map_over"));
        assert_eq!(nearest("sumary", names), Some("summary"));
    }

    #[test]
    fn far_names_are_not_offered() {
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("entirely", ["different"]), None);
        assert_eq!(nearest("anything", []), None);
    }

    #[test]
    fn distances() {
        let distance = |a: &str, b: &str| edit_distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(distance("", ""), 0);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("größe", "grösse"), 2);
    }
}
