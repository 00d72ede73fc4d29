//! The Recorder: spans from the hot path to sinks.
