//! STUB, to be replaced: plugins are not wired to the runtime yet, so nothing can be installed.
//!
//! The other half of the stub is `set_plugins` and `plugin_states` in `worlds.rs`.

use hd1_control::{LogLine, PluginHost, PortFuture, SystemStats, Trust};

/// Answered to whoever installs.
const NOT_WIRED: &str = "plugins are not wired yet";

/// A host that takes nothing.
#[derive(Default)]
pub struct NotWired(Trust);

impl PluginHost for NotWired {
    fn inspect<'a>(&'a self, _: &'a [u8]) -> PortFuture<'a, Result<hd1_abi::Plan, String>> {
        Box::pin(std::future::ready(Err(NOT_WIRED.to_owned())))
    }

    fn keep<'a>(&'a self, _: &'a str, _: &'a [u8]) -> PortFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Err(NOT_WIRED.to_owned())))
    }

    fn drop_package<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn trust(&self) -> &Trust {
        &self.0
    }

    fn stats(&self, _: &str) -> Vec<SystemStats> {
        Vec::new()
    }

    fn log(&self, _: &str, _: usize) -> Vec<LogLine> {
        Vec::new()
    }
}
