//! Realtime messages, the state codec and the client's mirror; also builds for wasm32.
