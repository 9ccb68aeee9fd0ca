//! The browser's client core: session, mirror and interpolation behind a C ABI for wasm32.
//!
//! It is the same [`hd1_session::ClientConnection`] and mirror that native clients use, so there is one decoder. The
//! page (server/web) carries bytes between it and the network and copies its columns to the graphics card. Start with
//! [`abi`] for the functions, [`client`] for what stands behind a handle, [`drawing`] for the columns.
//!
//! No pointer ever comes in: the page writes into a buffer of this module's and tells a length, which is checked, and
//! handles are looked up. So there is not one unsafe block; `unsafe_code` is allowed only because giving a function its
//! exported name, `#[unsafe(no_mangle)]`, counts as unsafe (two functions of one name would be undefined behaviour;
//! all of ours begin with `hd1_`, and the linker refuses a second).
#![allow(unsafe_code)]

pub mod abi;
pub mod client;
pub mod drawing;
pub mod limits;
mod look;
mod matrix;

pub use client::{Client, ClientOptions};
