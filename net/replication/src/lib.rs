//! World changes to per-client deltas; no I/O.
