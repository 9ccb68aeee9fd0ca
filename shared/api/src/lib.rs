//! HTTP payload types and the error-code table.
