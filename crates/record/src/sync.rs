//! What a thread that records and the collector share, made of: the standard library's, and in a build with `cfg(loom)` that of a
//! checker which runs every interleaving that the memory model allows. The modules `interleavings` are its models.

#[cfg(loom)]
pub(crate) use checked::{Arc, AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Mutex, Watch, fence};
#[cfg(not(loom))]
pub(crate) use parking_lot::Mutex;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, fence},
};

/// Sees who touches memory that isn't made of atomics: nobody looks.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct Watch;

#[cfg(not(loom))]
impl Watch {
    pub(crate) const fn new(_places: usize) -> Self {
        Self
    }

    /// Some places are read.
    #[inline(always)]
    pub(crate) const fn read(&self, _places: &std::ops::Range<usize>) {}
}

#[cfg(loom)]
mod checked {
    use std::ops::Range;
    use std::sync::PoisonError;

    use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::Arc;
    use loom::sync::MutexGuard;
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, fence};

    /// A mutex that is locked as others are.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// Sees who touches memory that isn't made of atomics: what isn't ordered with a change fails.
    #[derive(Debug)]
    pub(crate) struct Watch(Box<[UnsafeCell<()>]>);

    impl Watch {
        pub(crate) fn new(places: usize) -> Self {
            Self((0..places).map(|_| UnsafeCell::new(())).collect())
        }

        /// Some places are read.
        pub(crate) fn read(&self, places: &Range<usize>) {
            self.0[places.clone()].iter().for_each(|place| place.with(|_| ()));
        }

        /// Some places are written.
        pub(crate) fn written(&self, places: &Range<usize>) {
            self.0[places.clone()].iter().for_each(|place| place.with_mut(|_| ()));
        }
    }
}
