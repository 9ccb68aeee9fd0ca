//! The load generator: hd1 bots.
