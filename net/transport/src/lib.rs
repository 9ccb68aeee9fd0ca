//! QUIC, WebTransport and WebSocket, both ends, and the in-memory lossy link.
