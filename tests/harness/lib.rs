//! The harness: the real binary on free ports in a folder of its own, and clients to drive it.
//!
//! Every story in `tests/it` goes through here, so that none of them knows how a server is started, killed or asked.
//! Start with [`TestServer`].

mod binary;
mod client;
mod http;
mod process;
mod server;

pub use binary::hd1;
pub use client::{Pass, TestClient, Transport, close_code, json_message};
pub use http::{Http, Reply};
pub use process::{Exited, Process};
pub use server::{Options, Ready, TestServer, command};

use std::time::Duration;

/// How long anything may take before a story fails: far beyond what it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
