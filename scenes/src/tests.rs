//! Stories of scene files.
