//! Stories of the catalogue.
