//! Fakes and conformance suites for Flowglass tests.
