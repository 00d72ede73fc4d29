//! A pipeline engine you can see through.
