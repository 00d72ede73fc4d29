//! One file a verb.

pub(crate) mod cache;
pub(crate) mod compare;
pub(crate) mod foreign;
pub(crate) mod graph;
pub(crate) mod list;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod stats;
