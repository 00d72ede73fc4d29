//! Sketches: what a segment says of its blocks, so that a question opens only those that may hold the answer. Part of the file
//! format.
//!
//! - zones: per block its times, durations and statuses;
//! - postings: which blocks hold a trace, a name, or an attribute with a value (rarely one too many, never one too few);
//! - facets: how often each value occurs, for the keys that have few;
//! - tallies: counts and durations per name and minute, on their way to the table `rollups`.

pub(crate) mod bits;
pub(crate) mod facets;
pub(crate) mod fingerprint;
pub(crate) mod histogram;
pub(crate) mod postings;
pub(crate) mod survey;
pub(crate) mod tally;
pub(crate) mod zones;
