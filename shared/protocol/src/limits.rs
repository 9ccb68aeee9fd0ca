//! Bounds on what crosses the wire.

/// Bytes of one frame from a client.
pub const FRAME_IN_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one frame from the server.
pub const FRAME_OUT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one datagram: reaches every browser from the first packet (Firefox's limit is 1024).
pub const DATAGRAM_BYTES_MAX: usize = 1024;
/// Nesting of JSON and msgpack from outside.
pub const DEPTH_MAX: usize = 16;
/// Bytes of one chat line.
pub const CHAT_BYTES_MAX: usize = 1024;
/// Bytes of a topic.
pub const TOPIC_BYTES_MAX: usize = 64;
/// Bytes of what is said under a topic, as compact JSON.
pub const SAID_BYTES_MAX: usize = 16 * 1024;
/// Nesting of it: with the message around it still within [`DEPTH_MAX`].
pub const SAID_DEPTH_MAX: usize = 12;
/// Metres around a place within which players are said something.
pub const SAID_RADIUS_M_MAX: f32 = 10_000.0;
/// Bytes of the words with which a request is declined.
pub const DECLINED_BYTES_MAX: usize = 1024;
/// Bytes of a participant's shown name.
pub const NAME_BYTES_MAX: usize = 64;
/// Components named in one operation.
pub const OPERATION_COMPONENTS_MAX: usize = 32;
/// Uncompressed bytes of text and points in one snapshot chunk.
pub const SNAPSHOT_CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Fragments of one tick's state.
pub const STATE_FRAGMENTS_MAX: usize = 4096;
/// Entities that stand in one page.
pub const PAGE_SLOTS: usize = 256;
/// Ticks of which a client says whether it has them.
pub const ACK_TICKS: u64 = 64;
/// Ticks of which a client says which frames it has.
pub const RECEIPT_PARTS_MAX: usize = 8;
/// Poses of driven entities in one input frame, and so the entities that one client can drive.
pub const DRIVE_POSES_MAX: usize = 16;
/// Metres from the middle of the world, along each axis, that a pose can say.
pub const POSE_POSITION_M_MAX: f32 = 100_000.0;
/// Metres and radians a second, about each axis, that a pose can say.
pub const POSE_SPEED_MAX: f32 = 1_000.0;
/// Milliseconds from connecting to a valid hello with a ticket.
pub const HELLO_DEADLINE_MS: u64 = 3_000;
