//! Scenarios and the benches that run them.
