//! Spans in, answers out: trees, waterfalls, statistics, progress.
