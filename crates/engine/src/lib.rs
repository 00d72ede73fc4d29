//! Graphs of functions, run, mapped, nested and cached.
