//! Bounds on links: windows, buffers, streams, connections and times.

use std::time::Duration;

/// Bytes a peer may have under way on all streams of one connection to the server.
pub const SERVER_RECEIVE_WINDOW_BYTES: u32 = 256 * 1024;
/// Bytes a client may have under way on one stream to the server: two of its largest frames.
pub const SERVER_STREAM_WINDOW_BYTES: u32 = 128 * 1024;
/// Bytes the server may have under way on all streams to a client.
pub const CLIENT_RECEIVE_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes the server may have under way on one stream to a client.
pub const CLIENT_STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;
/// Unacknowledged bytes that either end keeps for sending again.
pub const SEND_WINDOW_BYTES: u64 = 1024 * 1024;
/// Bytes of received datagrams that wait to be read; older ones are dropped. quinn's default is unlimited in number.
pub const DATAGRAM_RECEIVE_BYTES: usize = 256 * 1024;
/// Bytes of datagrams that wait to be sent; older ones are dropped: some ticks of a large world.
pub const DATAGRAM_SEND_BYTES: usize = 256 * 1024;
/// Bytes that the system is asked to hold of the server's UDP socket each way: a tick of some hundred clients.
pub const SERVER_UDP_BUFFER_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that the system is asked to hold of a client's UDP socket each way: some ticks of a large world, but not so
/// many that a client which falls behind reads an ever older past.
pub const CLIENT_UDP_BUFFER_BYTES: usize = 512 * 1024;
/// Streams of each direction that a peer may have open.
pub const STREAMS_MAX: u32 = 16;
/// Packets that the other end may leave without an acknowledgement while it waits for more: some ticks' worth.
pub const PACKETS_PER_ACK: u32 = 31;
/// Silence after which a link sends a keep-alive.
pub const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Silence after which a link is over.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first packet to a connection, and for a browser to its CONNECT.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes under way at once; more are refused.
pub const HANDSHAKES_MAX: usize = 1_024;
/// Handshakes under way at which a new address must first prove itself by a Retry.
pub const HANDSHAKES_BEFORE_RETRY: usize = 64;
/// Links that wait for the server program to take them.
pub const ACCEPT_QUEUE: usize = 256;
/// Connections from one address, by default.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 1_024;
/// Bytes that wait in a link on its way out before [`crate::Link::room`] says no.
pub const LINK_QUEUE_BYTES: usize = 64 * 1024;
/// Bytes read from a stream at once.
pub const READ_CHUNK_BYTES: usize = 8 * 1024;
/// Bytes that a WebSocket reads at once, kept for the life of the connection.
pub const WEBSOCKET_READ_BUFFER_BYTES: usize = 4 * 1024;
/// Bytes that a WebSocket gathers before it writes.
pub const WEBSOCKET_WRITE_BUFFER_BYTES: usize = 16 * 1024;
/// Bytes that a WebSocket may hold unwritten: one largest frame and what was gathered.
pub const WEBSOCKET_WRITE_MAX_BYTES: usize = hd1_protocol::limits::FRAME_OUT_BYTES_MAX + 128 * 1024;
/// For the last frames and the close code to be read.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// For the last frames alone, so that there is time left for the code.
pub const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(1_500);
/// Packets on their way in one direction of a simulated network.
pub const LOSSY_QUEUE_MAX: usize = 65_536;
/// How long a thread that serves links lets what comes gather before it looks again, for each of them.
pub const GATHER_PER_LINK: Duration = Duration::from_micros(10);
/// The longest of such waits: a fraction of any tick, and of what a player feels.
pub const GATHER_MAX: Duration = Duration::from_millis(1);
/// The shortest: below it, going to sleep costs more than it gathers.
pub const GATHER_MIN: Duration = Duration::from_micros(200);
