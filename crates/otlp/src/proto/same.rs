//! Comparing short byte strings in place: to call for it costs more than to do it.

/// Longer ones are compared by a call.
const SHORT: usize = 96;

/// Says whether these are the same bytes. Where they are not, they mostly differ at their ends: numbers do, and values behind a key.
#[inline]
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let (Some(end), Some(other_end)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) else { return one == other };
    if one.len() != other.len() || end != other_end {
        return false;
    }
    if one.len() > SHORT {
        return one == other;
    }
    // The last of them may stand over the end, which has been compared.
    one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0).all(|(word, other)| word == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_equality_says() {
        for length in 0..120 {
            let one: Vec<u8> = (0..length).collect();
            assert!(same(&one, &one.clone()), "{length}");
            assert!(!same(&one, &[one.as_slice(), b"x"].concat()), "{length}");
            for at in 0..one.len() {
                let mut other = one.clone();
                other[at] ^= 1;
                assert!(!same(&one, &other), "{length}: {at}");
            }
        }
    }
}
