//! Stories told through the real binary: each file is one part of what a user relies on.

mod cli;
mod start;
