//! Stores that answer questions about recorded runs.
