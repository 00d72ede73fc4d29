//! Where results are kept between runs: the trait, what an entry holds, and the cache on disk.

mod disk;

use std::fmt;
use std::sync::Arc;

pub use disk::DiskCache;

use crate::value::{KeyDigest, Type, Value, ValueError};

/// Keeps the results of computations by their signatures. Lookups and writes are called from the run's own thread, so they
/// should take microseconds.
pub trait Cache: Send + Sync + 'static {
    /// Names the cache for people: `DiskCache: .flowglass/cache`.
    fn describe(&self) -> String;

    /// Returns the entry of this signature. A damaged entry is no entry.
    fn get(&self, signature: &KeyDigest) -> Option<Arc<Entry>>;

    /// Keeps the outputs of a computation.
    ///
    /// # Errors
    /// If the cache can't write; the run goes on, and its node's `cache.status` is `miss`.
    fn put(&self, signature: &KeyDigest, entry: NewEntry<'_>) -> Result<(), CacheError>;
}

/// What a computation gave, on its way into a cache.
pub struct NewEntry<'a> {
    /// How long the computation took, in nanoseconds.
    pub cost_ns: u64,
    /// The digest of each named part of the signature, so that it can be said which part changed.
    pub parts: &'a [(String, KeyDigest)],
    /// The encoded outputs, in the order of the node's outputs.
    pub outputs: &'a [Vec<u8>],
}

/// What a cache knows of a computation; its outputs are loaded when somebody needs them.
pub struct Entry {
    /// How long the computation took, in nanoseconds.
    pub cost_ns: u64,
    /// The digest of each named part of the signature.
    pub parts: Vec<(String, KeyDigest)>,
    outputs: Vec<Box<dyn Load>>,
}

/// Gives the bytes of an output when they are needed.
pub trait Load: Send + Sync {
    /// Returns the bytes.
    ///
    /// # Errors
    /// If they are gone or damaged.
    fn load(&self) -> Result<Vec<u8>, CacheError>;
}

impl Entry {
    /// Makes an entry.
    #[must_use]
    pub fn new(cost_ns: u64, parts: Vec<(String, KeyDigest)>, outputs: Vec<Box<dyn Load>>) -> Self {
        Self { cost_ns, parts, outputs }
    }

    /// Returns how many outputs the entry has.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Loads an output.
    pub(crate) fn load(&self, output: usize, ty: &Type) -> Result<Value, ValueError> {
        let loader = self.outputs.get(output).ok_or_else(|| ValueError::new("the cached entry lacks an output"))?;
        let bytes = loader.load().map_err(|error| ValueError::new(error.to_string()))?;
        ty.decode(&bytes)
    }
}

/// A cache couldn't be opened, read or written.
#[derive(Debug)]
pub struct CacheError {
    message: String,
    source: Option<std::io::Error>,
}

impl CacheError {
    /// Makes an error with a message that names the place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: std::io::Error) -> Self {
        self.source = Some(source);
        self
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CacheError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
