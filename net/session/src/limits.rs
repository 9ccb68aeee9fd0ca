//! Bounds on one connection: rates, queues and times. Sizes of frames stand in [`hd1_protocol::limits`].

/// Frames of any kind per second.
pub const MESSAGES_PER_S: u32 = 300;
/// Frames of any kind at once, after a quiet while.
pub const MESSAGES_BURST: u32 = 600;
/// Operations per second; beyond them an operation is answered `rate_limited`.
pub const OPS_PER_S: u32 = 60;
/// Operations at once.
pub const OPS_BURST: u32 = 120;
/// Input frames per second: the fastest tick rate and some jitter. More are dropped in silence.
pub const INPUTS_PER_S: u32 = 150;
/// Input frames at once.
pub const INPUTS_BURST: u32 = 150;
/// Refusals forgiven per second; a client that gathers more is closed with 4022.
pub const STRIKES_PER_S: u32 = 100;
/// Refusals forgiven at once.
pub const STRIKES_BURST: u32 = 2_000;

/// Microseconds from connecting to a valid hello.
pub const HELLO_DEADLINE_US: u64 = hd1_protocol::limits::HELLO_DEADLINE_MS * 1_000;
/// Microseconds that a server takes to admit or refuse a hello, waking the world included.
pub const ADMISSION_DEADLINE_US: u64 = 15_000_000;
/// Microseconds without a frame after which either end gives the other up.
pub const IDLE_TIMEOUT_US: u64 = 10_000_000;
/// Microseconds that waiting frames may stand still before the client counts as too slow.
pub const STALL_TIMEOUT_US: u64 = 10_000_000;
/// Microseconds between a client's pings.
pub const PING_INTERVAL_US: u64 = 1_000_000;
/// Microseconds, at most, that an input and an acknowledgement wait for each other: half a tick where that is shorter.
/// QUIC acknowledges by itself after 25 ms, in a packet of its own, unless one leaves before.
pub const RIDE_US_MAX: u64 = 20_000;
/// Microseconds that an acknowledgement waits for an input where the server takes what has left as received: it is told
/// all the same, for those who look on.
pub const ORDERED_ACK_DELAY_US: u64 = 250_000;

/// Bytes waiting on the reliable ways to one client; more close it with 4023.
pub const OUT_RELIABLE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Frames waiting on a client's reliable way to the server.
pub const CLIENT_OUT_FRAMES_MAX: usize = 1_024;
/// Operations of a client that await their result.
pub const CLIENT_OPS_PENDING_MAX: usize = 1_024;
/// Events that wait for a client program to fetch them; the oldest chat lines and state notices make room.
pub const CLIENT_EVENTS_MAX: usize = 4_096;
/// Events that wait for their tick; the oldest are told before it where there are more.
pub const HELD_EVENTS_MAX: usize = 1_024;
/// Microseconds that one waits for its tick at most.
pub const HELD_US_MAX: u64 = 1_000_000;
/// Microseconds after which a ping asks whether there is anything to wait for.
pub const HELD_ECHO_US: u64 = 40_000;
/// Inputs kept for prediction: over a second at the highest rate that a server takes.
pub const PREDICTED_INPUTS_MAX: usize = 256;
/// Microseconds after which the poses of driven entities are said again though they are the same: well within the time
/// after which the server takes back what nothing is said of.
pub const DRIVE_REPEAT_US: u64 = 250_000;
/// Microseconds in which a driven entity must be seen to be held; then it is taken for refused.
pub const DRIVE_UNCONFIRMED_US_MAX: u64 = 2_000_000;
/// Seconds predicted beyond the newest state; then the own avatar stands still and waits for the network.
pub const PREDICTED_S_MAX: u32 = 1;
/// Ticks that the drawn moment lies behind the newest at most: a mirror need keep no more.
pub const DELAY_TICKS_MAX: f64 = 8.0;

/// Bytes of a ticket.
pub const TICKET_BYTES_MAX: usize = 4_096;
/// Bytes of a resume token.
pub const RESUME_BYTES_MAX: usize = 128;
/// Capabilities in a hello.
pub const CAPABILITIES_MAX: usize = 16;
/// Bytes of one capability's name.
pub const CAPABILITY_BYTES_MAX: usize = 64;
/// Bytes of a close reason: what a WebSocket close frame holds besides its code.
pub const REASON_BYTES_MAX: usize = 123;
/// Bytes said of a world before a JSON client has been told the whole of it.
pub const JSON_EARLY_BYTES_MAX: usize = 1 << 20;
/// Entities in one JSON text of structure or state; with the catalogue's limits it stays below a frame's.
pub const JSON_ENTITIES_PER_TEXT: usize = 128;
/// Participants whose resume token is kept in one [`crate::ResumeBook`].
pub const RESUME_ENTRIES_MAX: usize = 10_000;
