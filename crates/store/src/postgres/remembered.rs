//! What a store remembers of its server between questions.

use super::facets::GivenUp;
use super::resources::Resources;

/// What was read, or found out, and need not be asked for again.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) resources: Resources,
    pub(super) given_up: GivenUp,
}
