//! The browser's client core: session, mirror and interpolation behind a C ABI for wasm32.
