//! Bounds of one world.

/// Levels from an entity to its furthest ancestor.
pub const PARENT_DEPTH_MAX: usize = 32;
/// Uncompressed bytes of a snapshot.
pub const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Entities in one page of the JSON view.
pub const PAGE_ENTITIES_MAX: usize = 1000;
/// Contacts told in one tick; further ones are dropped.
pub const CONTACTS_PER_TICK_MAX: usize = 16_384;
/// Entities that one player can hold the authority of: as many as one input frame has poses for.
pub const HELD_PER_PLAYER_MAX: usize = hd1_protocol::limits::DRIVE_POSES_MAX;
/// Seconds in which a holder says nothing of an entity, after which the server has its authority again.
pub const DRIVE_SILENCE_S_MAX: u64 = 2;
/// Metres a second that a driven entity goes, and is let go with, at most.
pub const DRIVE_SPEED_M_S_MAX: f32 = 40.0;
/// Radians a second that a driven entity turns, and is let go with, at most.
pub const DRIVE_TURN_RAD_S_MAX: f32 = 20.0;
/// Seconds of the past that rays can be cast in.
pub const REWIND_S_MAX: u64 = 1;
/// Changes of places that are remembered for it, 32 bytes each; a world where more moves remembers fewer ticks.
pub const REWIND_CHANGES_MAX: usize = 262_144;
/// Shapes that the rays of all players together may look at in one tick; a ray looks at every one of the world. Some
/// milliseconds, where all of them move.
pub const RAY_SHAPES_PER_TICK_MAX: usize = 65_536;
/// Metres that a ray reaches.
pub const PICK_DISTANCE_M_MAX: f32 = 1_000.0;
/// Plugins attached to one world.
pub const PLUGINS_PER_WORLD_MAX: usize = 256;
/// Things that happen in one tick of which actions of plugins are told; further ones are not.
pub const HAPPENED_PER_TICK_MAX: usize = 4_096;
/// Messages of one kind that a plugin's system is told of in one tick; further ones are not.
pub const MESSAGES_PER_SYSTEM_MAX: usize = 16_384;
/// Bytes that one player is told under topics in one tick: messages, requests and answers together.
pub const SAID_BYTES_PER_TICK_MAX: usize = 64 * 1024;
/// Bytes that each of them counts besides its topic and its data.
pub const SAID_OVERHEAD_BYTES: usize = 256;
/// Bytes of data that cost as much as an operation, of a player's rate of operations.
pub const SAID_BYTES_PER_OPERATION: usize = 1024;
/// Players whose place is looked at in one tick for messages to those who are near: some milliseconds.
pub const NEAR_LOOKS_PER_TICK_MAX: usize = 65_536;
/// Requests of one player that wait for an answer.
pub const ASKED_BY_PLAYER_MAX: usize = 16;
/// Requests that wait for one player's answer.
pub const ASKED_OF_PLAYER_MAX: usize = 64;
/// Requests of a world that wait for the server's answer.
pub const ASKED_OF_SERVER_MAX: usize = 256;
/// Bytes of topics and data of all requests of a world that wait.
pub const ASKED_BYTES_MAX: usize = 1024 * 1024;
/// Seconds that a request waits where it does not say.
pub const ASK_TIMEOUT_S: u32 = 10;
/// Seconds that a request waits at most.
pub const ASK_TIMEOUT_S_MAX: u32 = 60;
