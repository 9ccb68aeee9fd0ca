//! How much a plugin may send to others, and be answered.

use std::time::Duration;

/// Bytes of a URL.
pub(super) const URL_BYTES_MAX: usize = 8 * 1024;
/// Headers of a request.
pub(super) const HEADERS_MAX: usize = 32;
/// Bytes of a request's headers together, names and values.
pub(super) const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a request's body.
pub(super) const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long a request may take, everything included.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(30);
/// How long a name may take to be resolved.
pub(super) const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
pub(super) const ADDRESSES_MAX: usize = 8;
/// How long one address may take to accept a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Headers of an answer.
pub(super) const ANSWER_HEADERS_MAX: usize = 64;
/// Bytes of an answer's status line and headers together.
pub(super) const ANSWER_HEAD_BYTES_MAX: usize = 32 * 1024;
/// Bytes of an answer's body.
pub(super) const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Requests of a plugin that are under way at once.
pub(super) const AT_ONCE_MAX: u32 = 8;
/// Requests that a plugin may send in a burst.
pub(super) const BURST: u32 = 60;
/// How many more it may send each second: 60 a minute.
pub(super) const PER_S: f64 = 1.0;
