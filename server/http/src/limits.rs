//! The HTTP edge's limits: bytes, depths, times, counts.

use std::time::Duration;

/// Bytes of a request body, where an operation does not say otherwise.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a body that may hold a whole scene.
pub const SCENE_BODY_BYTES_MAX: usize = 4 * 1024 * 1024 + BODY_BYTES_MAX;
/// Bytes of a body that holds a plugin's package.
pub const PACKAGE_BODY_BYTES_MAX: usize = hd1_control::PACKAGE_BYTES_MAX;
/// How deep arrays and objects may nest in a body. A scene needs 6.
pub const JSON_DEPTH_MAX: usize = 32;
/// Bytes of the request line and headers together.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 64;
/// How long the head of a request may take, and how long a connection may stay open between two requests.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request may take, its body included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take nothing of what it is sent.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// How long a drain waits for requests and realtime connections to end.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(7);
/// Connections from one address (IPv6: one /64).
pub const CONNECTIONS_PER_ADDRESS_MAX: u32 = 1_024;
/// Connections in all.
pub const CONNECTIONS_MAX: u32 = 20_000;
/// Addresses that a rate limiter remembers.
pub const ADDRESSES_MAX: usize = 16_384;
/// Characters of an entity's or component's name in a path or query.
pub const NAME_CHARS_MAX: usize = 128;
/// Bytes of a bearer token at most; longer ones are refused unread.
pub const BEARER_BYTES_MAX: usize = 128;
/// Bytes of a request's body that is for a plugin.
pub const PLUGIN_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Headers that a plugin is shown, and that it may answer with.
pub const PLUGIN_HEADERS_MAX: usize = 32;
