//! The node attribute.
