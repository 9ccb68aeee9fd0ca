//! Benches named for the question they answer: `cargo x bench NAME [--quick] [--json FILE]`.
//!
//! Every figure stands beside a named opponent measured in the same run, and every bench checks that the states agree,
//! so nobody wins by sending less. `hd1-scenario` is seeded data that any engine can be fed with, [`transforms`] the same
//! as HD1's entities; [`report`] prints the table and writes the JSON.

pub mod bases;
pub mod clients;
pub mod counts;
pub mod mirror;
pub mod peers;
pub mod plugins;
pub mod replication;
pub mod report;
pub mod scenes;
pub mod threads;
pub mod transforms;
