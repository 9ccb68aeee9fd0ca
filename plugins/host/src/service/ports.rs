//! What is behind a component's imports: the server's own, asked by it for a plugin that has the right.

use std::pin::Pin;
use std::sync::Arc;

use hd1_manifest::Rights;

use super::{Failure, HttpAnswer, Outgoing};

/// What a port answers in time.
pub type PortFuture<T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send>>;

/// For whom a port is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// `namespace:name`.
    pub plugin: Arc<str>,
    /// What it may do. Whether it may ask at all is known before a port is asked; where it may go is for the port to see.
    pub rights: Arc<Rights>,
    /// How many plugins stand behind it, each called by the one before.
    pub depth: u32,
}

/// See the module's words. A plugin's own things are found by its id; nothing that it says names anybody else's.
#[allow(missing_docs, reason = "each is an import of the interface, told in service.wit")]
pub trait Ports: Send + Sync + 'static {
    fn kv_get(&self, who: &Who, key: String) -> PortFuture<Option<Vec<u8>>>;
    fn kv_set(&self, who: &Who, key: String, value: Vec<u8>, ttl_s: Option<u32>) -> PortFuture<()>;
    fn kv_delete(&self, who: &Who, key: String) -> PortFuture<bool>;
    fn kv_keys(&self, who: &Who, prefix: String, after: String, limit: u32) -> PortFuture<Vec<String>>;
    fn kv_add(&self, who: &Who, key: String, by: i64) -> PortFuture<i64>;

    fn http(&self, who: &Who, request: Outgoing) -> PortFuture<HttpAnswer>;
    fn secret(&self, who: &Who, name: String) -> PortFuture<Option<String>>;

    fn sessions(&self, who: &Who, offset: u32, limit: u32) -> PortFuture<String>;
    fn session(&self, who: &Who, session: String) -> PortFuture<String>;
    fn entities(&self, who: &Who, session: String, component: String, offset: u32, limit: u32) -> PortFuture<String>;
    fn send(&self, who: &Who, session: String, player: Option<u32>, topic: String, data: String) -> PortFuture<()>;
    fn spawn(&self, who: &Who, session: String, components: String) -> PortFuture<u32>;
    fn update(&self, who: &Who, session: String, entity: u32, components: String) -> PortFuture<()>;
    fn despawn(&self, who: &Who, session: String, entity: u32) -> PortFuture<()>;

    fn enqueue(&self, who: &Who, job: String, payload: String, delay_ms: u64, key: Option<String>) -> PortFuture<()>;
    fn call(&self, who: &Who, plugin: String, function: String, argument: String) -> PortFuture<String>;
}
