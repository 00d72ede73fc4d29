//! Places in a plan: where an event happened.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Subject;

/// A place in a plan, by its number: the same node of the same pipeline in the same surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteId(pub u32);

/// A place in a plan, interned when the plan is made. The root pipeline is site 0; parents stand before children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its number, which is its index in the plan's list of sites.
    pub id: SiteId,
    /// The site above it.
    pub parent: Option<SiteId>,
    /// What stands here.
    pub subject: Subject,
    /// Its own name (an item: its map's name).
    pub name: Arc<str>,
    /// Names from the root to here: `outer > inner > node` (an item has its map's).
    pub path: Arc<str>,
    /// How many pipelines stand above: the root pipeline has 0, its nodes 1.
    pub depth: u16,
    /// How many children must end for it to be done: nodes of a pipeline; unknown for a map until it starts.
    pub children: u32,
    /// Whether it ever runs: somebody needs what it makes, or what the pipeline around it makes. What a run asks for is not
    /// known here.
    #[serde(default = "is_needed")]
    pub needed: bool,
}

/// Of what was recorded before it was told, nothing is known that speaks against it.
const fn is_needed() -> bool {
    true
}
