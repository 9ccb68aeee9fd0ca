//! Placeholder
use crate::log::Level;
pub(crate) fn logged(_level: Level, _line: &str) {}
