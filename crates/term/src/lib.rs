//! Progress, waterfalls and tables on a terminal.
