//! What services are lent, answered by the rules. Whether a plugin may ask at all is known before.
//!
//! The work is done on the server's own runtime: a service that goes away in the middle of it leaves nothing half done.
//! Requests to others alone end with the service that sent them.

use std::sync::Arc;

use hd1_api::{CreateEntity, ErrorCode, MessageTo, PatchEntity, SendMessage};
use hd1_control::{Authority, Control, ControlError, EntityRef, Page, SessionQuery};
use hd1_core::{NetId, SessionId};
use hd1_host::service::{Failure, HttpAnswer, Outgoing, PortFuture, Ports, Who};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use super::Services;

/// See the module's words.
pub(super) struct HostPorts(pub Services);

impl HostPorts {
    fn ask<T, F>(&self, work: impl FnOnce(Control) -> F) -> PortFuture<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ControlError>> + Send + 'static,
    {
        let (Some(control), Some(main)) = (self.0.0.control.get().cloned(), self.0.0.main.get()) else {
            return not_ready();
        };
        let task = main.spawn(work(control));
        Box::pin(async move {
            match task.await {
                Ok(answer) => answer.map_err(failure),
                Err(error) => Err(Failure::Unavailable(error.to_string())),
            }
        })
    }
}

/// What went wrong, as far as it is a plugin's to know.
fn failure(error: ControlError) -> Failure {
    match error {
        ControlError::Invalid(errors) => {
            let told: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.path, error.message)).collect();
            Failure::Invalid(told.join("; "))
        }
        ControlError::Denied(why) => Failure::Denied(why.into()),
        ControlError::Conflict(why) => Failure::Limit(why),
        other => match other.code() {
            ErrorCode::NotFound | ErrorCode::SessionNotRunning => Failure::Invalid(other.to_string()),
            code => Failure::Unavailable(code.title().to_owned()),
        },
    }
}

fn not_ready<T: Send + 'static>() -> PortFuture<T> {
    Box::pin(async { Err(Failure::Unavailable("the server is not ready yet".into())) })
}

fn session(text: &str) -> Result<SessionId, ControlError> {
    text.parse().map_err(|_| ControlError::NotFound("session"))
}

fn json(value: &impl Serialize) -> Result<String, ControlError> {
    serde_json::to_string(value).map_err(|error| ControlError::Failed(error.to_string()))
}

fn read<T: DeserializeOwned>(path: &str, text: &str) -> Result<T, ControlError> {
    serde_json::from_str(text).map_err(|error| ControlError::invalid(path, error.to_string()))
}

impl Ports for HostPorts {
    fn kv_get(&self, who: &Who, key: String) -> PortFuture<Option<Vec<u8>>> {
        let plugin = who.plugin.clone();
        self.ask(|control| async move { control.plugin_value(&plugin, &key).await })
    }

    fn kv_set(&self, who: &Who, key: String, value: Vec<u8>, ttl_s: Option<u32>) -> PortFuture<()> {
        let plugin = who.plugin.clone();
        self.ask(|control| async move { control.set_plugin_value(&plugin, &key, &value, ttl_s).await })
    }

    fn kv_delete(&self, who: &Who, key: String) -> PortFuture<bool> {
        let plugin = who.plugin.clone();
        self.ask(|control| async move { control.delete_plugin_value(&plugin, &key).await })
    }

    fn kv_keys(&self, who: &Who, prefix: String, after: String, limit: u32) -> PortFuture<Vec<String>> {
        let plugin = who.plugin.clone();
        self.ask(|control| async move { control.plugin_keys(&plugin, &prefix, &after, limit).await })
    }

    fn kv_add(&self, who: &Who, key: String, by: i64) -> PortFuture<i64> {
        let plugin = who.plugin.clone();
        self.ask(|control| async move { control.add_to_plugin_value(&plugin, &key, by).await })
    }

    fn http(&self, who: &Who, request: Outgoing) -> PortFuture<HttpAnswer> {
        let Some(main) = self.0.0.main.get() else { return not_ready() };
        let (egress, who) = (Arc::clone(&self.0.0.egress), who.clone());
        // Nothing is half done where a request is given up, so it ends with whoever waits for it.
        let task = main.spawn(async move { egress.send(&who.plugin, &who.rights, request).await });
        let task = AbortOnDropHandle::new(task);
        Box::pin(async move { task.await.unwrap_or_else(|error| Err(Failure::Unavailable(error.to_string()))) })
    }

    fn secret(&self, who: &Who, name: String) -> PortFuture<Option<String>> {
        let plugin = who.plugin.clone();
        self.ask(|control| async move { control.plugin_secret(&plugin, &name).await })
    }

    fn sessions(&self, _: &Who, offset: u32, limit: u32) -> PortFuture<String> {
        self.ask(move |control| async move {
            let page = Page::of(Some(offset), Some(limit))?;
            let query = SessionQuery { page, ..SessionQuery::default() };
            json(&control.list_sessions(&Authority::admin(), &query).await?)
        })
    }

    fn session(&self, _: &Who, id: String) -> PortFuture<String> {
        self.ask(|control| async move { json(&control.session(&Authority::admin(), session(&id)?).await?) })
    }

    fn entities(&self, _: &Who, id: String, component: String, offset: u32, limit: u32) -> PortFuture<String> {
        self.ask(move |control| async move {
            let (page, component) = (Page::of(Some(offset), Some(limit))?, Some(component).filter(|c| !c.is_empty()));
            json(&control.list_entities(&Authority::admin(), session(&id)?, None, component, page).await?)
        })
    }

    fn send(&self, _: &Who, id: String, player: Option<u32>, topic: String, data: String) -> PortFuture<()> {
        self.ask(move |control| async move {
            let to = player.map_or(MessageTo::Everyone, MessageTo::Player);
            let message = SendMessage { topic, to, data: read("data", &data)? };
            control.send_for_plugin(session(&id)?, &message).await
        })
    }

    fn spawn(&self, _: &Who, id: String, components: String) -> PortFuture<u32> {
        self.ask(|control| async move {
            let wish = CreateEntity { name: None, components: read("components", &components)? };
            Ok(control.create_entity(&Authority::admin(), session(&id)?, wish).await?.id)
        })
    }

    fn update(&self, _: &Who, id: String, entity: u32, components: String) -> PortFuture<()> {
        self.ask(move |control| async move {
            let patch = PatchEntity { components: read("components", &components)?, ..PatchEntity::default() };
            let entity = EntityRef::Id(NetId(entity));
            control.patch_entity(&Authority::admin(), session(&id)?, entity, patch).await.map(drop)
        })
    }

    fn despawn(&self, _: &Who, id: String, entity: u32) -> PortFuture<()> {
        self.ask(move |control| async move {
            control.delete_entity(&Authority::admin(), session(&id)?, EntityRef::Id(NetId(entity))).await
        })
    }

    fn enqueue(&self, who: &Who, job: String, payload: String, delay_ms: u64, key: Option<String>) -> PortFuture<()> {
        let plugin = who.plugin.clone();
        self.ask(move |control| async move { control.enqueue_plugin_job(&plugin, &job, payload, delay_ms, key).await })
    }

    fn call(&self, who: &Who, plugin: String, function: String, argument: String) -> PortFuture<String> {
        let (caller, depth) = (who.plugin.clone(), who.depth + 1);
        self.ask(move |control| async move { control.call_plugin(&caller, depth, &plugin, &function, &argument).await })
    }
}
