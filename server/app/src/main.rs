//! The binary hd1.
fn main() {}
