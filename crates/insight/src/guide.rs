//! The lines of a tree drawn as rows: which ancestors go on below a row.

/// What stands left of a row of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guide {
    /// The row's depth; a root's is 0.
    pub depth: usize,
    /// Whether no sibling follows.
    pub is_last: bool,
    open: u128,
}

impl Guide {
    /// Says whether a line passes this row at a level from 1 to `depth - 1`: an ancestor there has a sibling further down.
    ///
    /// Below level 127 no lines are known.
    #[must_use]
    pub const fn passes(&self, level: usize) -> bool {
        level < 128 && self.open & (1 << level) != 0
    }
}

/// Returns the guides of rows that stand in depth-first order, given their depths.
#[must_use]
pub fn guides(depths: impl DoubleEndedIterator<Item = usize>) -> Vec<Guide> {
    let mut open: u128 = 0;
    let mut guides: Vec<Guide> = depths
        .rev()
        .map(|depth| {
            let bit = 1_u128.checked_shl(u32::try_from(depth).unwrap_or(u32::MAX)).unwrap_or(0);
            let above = bit.wrapping_sub(1);
            let guide = Guide { depth, is_last: open & bit == 0, open: open & above };
            open = (open & above) | bit;
            guide
        })
        .collect();
    guides.reverse();
    guides
}

#[cfg(test)]
mod tests {
    use super::guides;

    #[test]
    fn lines_stop_at_the_last_sibling() {
        let guides = guides([0, 1, 2, 2, 1, 2].into_iter());
        let shape: Vec<_> = guides.iter().map(|guide| (guide.is_last, guide.passes(1))).collect();
        assert_eq!(shape, [(true, false), (false, false), (false, true), (true, true), (true, false), (true, false)]);
    }

    #[test]
    fn depths_beyond_every_screen_are_tolerated() {
        assert_eq!(guides([usize::MAX, 128, 127].into_iter()).len(), 3);
    }
}
