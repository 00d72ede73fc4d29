//! The suite that every store passes, those of this crate and one of your own.
//!
//! ```
//! use std::sync::Arc;
//! use flowglass_store::{MemoryStore, Store, conformance};
//!
//! // Makes a new, empty store each time.
//! conformance::check(|| Arc::new(MemoryStore::new()) as Arc<dyn Store>).unwrap();
//! ```
//!
//! Random data is written, by several writers, and random queries of all kinds are asked page by page: the answers must be
//! those of [`MemoryStore`](crate::MemoryStore), which looks at every thing and takes no short cuts.

mod agreement;
mod chance;
mod counting;
mod exchange;
mod forgetting;
mod joined;
mod lifecycle;
mod paging;
mod recording;
mod resources;
mod runs;
mod whole;
mod wishes;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::{Store, StoreError};

pub use recording::Recording;
pub use wishes::wish;

/// Tries a store in every way that the suite knows. `make` returns a new, empty store each time.
///
/// # Errors
/// The first thing in which the store doesn't behave as every store does.
pub fn check(mut make: impl FnMut() -> Arc<dyn Store>) -> Result<(), Nonconformity> {
    for (name, check) in CHECKS {
        check(&mut make).map_err(|why| Nonconformity { check: name, why })?;
    }
    Ok(())
}

/// Tries whether a store gives the answers of the reference on random data; the same seed gives the same data.
///
/// # Errors
/// The first query that is answered differently.
pub fn check_agreement(store: &dyn Store, seed: u64) -> Result<(), Nonconformity> {
    agreement::agree(store, seed).map_err(|why| Nonconformity { check: "random queries are answered as in memory", why })
}

type Check = fn(&mut dyn FnMut() -> Arc<dyn Store>) -> Result<(), String>;

const CHECKS: [(&str, Check); 19] = [
    ("what was written comes back whole", whole::comes_back_equal),
    ("an empty store answers everything with nothing", whole::empty),
    ("records of one writer have the resources that they came with", resources::of_one_writer),
    ("open spans run until their sink ends", lifecycle::open_spans),
    ("a span that was written twice is there once", lifecycle::replacement),
    ("runs are counted and found by the beginnings of their ids", runs::found),
    ("runs inside of a span are found, each with what is below it", joined::in_a_span),
    ("a run that a node of another one started is one of its own", joined::in_a_run),
    ("graphs and roll-ups come back", runs::graphs_and_rollups),
    ("a map's items count together, those without a span too", runs::rollups_of_items),
    ("pages are whole while others write", paging::while_writing),
    ("counts are those of all pages", counting::as_pages),
    ("what comes out makes a store with the same answers", exchange::there_and_back),
    ("SQL sees what queries see, and can't write", exchange::sql),
    ("what a policy names is forgotten as a whole", forgetting::by_policy),
    ("a sink with a policy forgets by itself", forgetting::by_itself),
    ("what runs isn't forgotten", forgetting::running),
    ("what isn't supported is said to be so", lifecycle::honest),
    ("random queries are answered as in memory", agreement::some_seeds),
];

/// In what a store doesn't behave as every store does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonconformity {
    check: &'static str,
    why: String,
}

impl Nonconformity {
    /// Returns what every store does and this one doesn't.
    #[must_use]
    pub const fn check(&self) -> &'static str {
        self.check
    }
}

impl fmt::Display for Nonconformity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: not so: {}", self.check, self.why)
    }
}

impl Error for Nonconformity {}

fn told(error: StoreError) -> String {
    format!("the store failed: {error}")
}

fn expect<T: PartialEq + fmt::Debug>(what: &str, found: &T, wanted: &T) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let (found, wanted) = (format!("{found:?}"), format!("{wanted:?}"));
    let same = found.chars().zip(wanted.chars()).take_while(|(one, other)| one == other).count();
    let shown = |text: &str| text.chars().skip(same.saturating_sub(SHOWN)).take(2 * SHOWN).collect::<String>();
    Err(format!("{what}: from letter {same} on\n  found  {}\n  wanted {}", shown(&found), shown(&wanted)))
}

/// So many letters around the first difference are shown.
const SHOWN: usize = 200;
