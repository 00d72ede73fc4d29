//! A column whose values are lists.

/// A list for each row: row `i` owns `ends[i - 1]..ends[i]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ListColumn<T> {
    /// Where the list of each row ends.
    pub ends: Vec<u32>,
    /// The lists behind each other.
    pub items: Vec<T>,
}

impl<T> Default for ListColumn<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

impl<T> ListColumn<T> {
    /// Adds a row.
    pub fn push(&mut self, items: impl IntoIterator<Item = T>) {
        self.items.extend(items);
        self.ends.push(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
    }

    /// Returns the list of a row; empty where there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[T] {
        self.items.get(self.range(row)).unwrap_or_default()
    }

    /// Returns how many rows there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        let end = |row: usize| self.ends.get(row).map_or(0, |end| *end as usize);
        row.checked_sub(1).map_or(0, end)..end(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_list() {
        let mut lists = ListColumn::default();
        [vec![1, 2], vec![], vec![3]].into_iter().for_each(|list| lists.push(list));
        assert_eq!((lists.row(0), lists.row(1), lists.row(2), lists.row(3)), (&[1, 2][..], &[][..], &[3][..], &[][..]));
    }
}
