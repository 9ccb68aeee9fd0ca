//! What a native client or bot links: connect, mirror, interpolate, send input.
