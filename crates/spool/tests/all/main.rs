//! What a spool promises: over restarts, beside other processes, when it is full, and with files that somebody changed.

mod damaged;
mod killed;
mod model;
mod ordinary;
