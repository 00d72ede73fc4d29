//! What can be mapped over as it is: `Vec`s, arrays, boxed slices and deques.

use std::collections::VecDeque;

use super::ValueError;

/// What can be an item of a list: it is given to a node each time anew.
pub trait Element: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Element for T {}

/// A list in order, with items that can be looked at one by one.
#[doc(hidden)]
pub trait Sequence: Element {
    /// What it is a list of.
    type Item: Element;

    /// Returns how many items there are.
    fn length(&self) -> usize;

    /// Returns the item at this place, from 0.
    fn item(&self, at: usize) -> Option<&Self::Item>;

    /// Returns the items in their order.
    fn items(&self) -> impl Iterator<Item = &Self::Item>;

    /// Makes a list of its items.
    ///
    /// # Errors
    /// If a list of this type has another number of items.
    fn of(items: Vec<Self::Item>) -> Result<Self, ValueError>;
}

impl<T: Element> Sequence for Vec<T> {
    type Item = T;

    fn length(&self) -> usize {
        self.len()
    }

    fn item(&self, at: usize) -> Option<&T> {
        self.get(at)
    }

    fn items(&self) -> impl Iterator<Item = &T> {
        self.iter()
    }

    fn of(items: Self) -> Result<Self, ValueError> {
        Ok(items)
    }
}

impl<T: Element> Sequence for Box<[T]> {
    type Item = T;

    fn length(&self) -> usize {
        self.len()
    }

    fn item(&self, at: usize) -> Option<&T> {
        self.get(at)
    }

    fn items(&self) -> impl Iterator<Item = &T> {
        self.iter()
    }

    fn of(items: Vec<T>) -> Result<Self, ValueError> {
        Ok(items.into())
    }
}

impl<T: Element> Sequence for VecDeque<T> {
    type Item = T;

    fn length(&self) -> usize {
        self.len()
    }

    fn item(&self, at: usize) -> Option<&T> {
        self.get(at)
    }

    fn items(&self) -> impl Iterator<Item = &T> {
        self.iter()
    }

    fn of(items: Vec<T>) -> Result<Self, ValueError> {
        Ok(items.into())
    }
}

impl<T: Element, const N: usize> Sequence for [T; N] {
    type Item = T;

    fn length(&self) -> usize {
        N
    }

    fn item(&self, at: usize) -> Option<&T> {
        self.get(at)
    }

    fn items(&self) -> impl Iterator<Item = &T> {
        self.iter()
    }

    fn of(items: Vec<T>) -> Result<Self, ValueError> {
        let length = items.len();
        items.try_into().map_err(|_| ValueError::new(format!("a list of {length} items is no array of {N}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_comes_back_from_its_items() {
        fn check<L: Sequence<Item = u8> + PartialEq + std::fmt::Debug>(list: &L) {
            let items: Vec<u8> = list.items().copied().collect();
            assert_eq!((list.length(), list.item(1), list.item(2)), (2, Some(&7), None));
            assert_eq!(&L::of(items).unwrap(), list);
        }
        check(&vec![3, 7]);
        check(&Box::<[u8]>::from([3, 7]));
        check(&VecDeque::from([3, 7]));
        check(&[3, 7]);
        let error = <[u8; 3]>::of(vec![1]).err().unwrap();
        assert_eq!(error.to_string(), "a list of 1 items is no array of 3");
    }
}
