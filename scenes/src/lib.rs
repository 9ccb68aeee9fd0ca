//! Scene files: format, validator, library.
