//! What services hang on: what happens is told to them, what is about to happen is shown to them first.
//!
//! What happens is noted in the transaction in which it does, one row for each service, and told from there
//! (`jobs.rs`): nothing is lost where the server dies between, and what cannot be told now is told later.

use hd1_api::Timestamp;
use hd1_manifest::Right;
use hd1_store::Conn;
use hd1_store::plugin_jobs::{self as repo, JobKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::jobs::waiting;
use crate::authority::Authority;
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits::{PLUGIN_JOBS_MAX, REFUSAL_CHARS_MAX};
use crate::plugin_host::{FilterVerdict, RunningService};

impl Control {
    /// Notes that something happened for every service that hangs on the point. To be called in the transaction in which
    /// it happens, which then ends by [`Control::commit`].
    pub(crate) async fn tell(&self, conn: &mut Conn, point: &str, about: Value) -> Result<()> {
        let now = self.now();
        let mut about = about;
        about["at"] = serde_json::to_value(Timestamp(now)).unwrap_or_default();
        for service in self.host().services() {
            if hook_of(&service, point).is_none() {
                continue;
            }
            let plugin = &service.spec.plugin;
            if repo::count(conn, plugin).await? >= PLUGIN_JOBS_MAX {
                tracing::warn!(plugin.id = plugin, point, "it has too much to do already, and is not told");
                continue;
            }
            repo::insert(conn, &waiting(JobKind::Action, plugin, point, about.to_string(), now)).await?;
        }
        Ok(())
    }

    /// Does any service hang on the point?
    pub(crate) fn is_hooked(&self, point: &str) -> bool {
        self.host().services().iter().any(|service| hook_of(service, point).is_some())
    }

    /// Commits a transaction in which something was told.
    pub(crate) async fn commit(&self, conn: Conn) -> Result<()> {
        conn.commit().await?;
        self.inner.work.notify_one();
        Ok(())
    }

    /// What services make of something that is about to happen, one after the other by their priorities, then by their
    /// ids. One that fails is passed over.
    ///
    /// # Errors
    /// [`ControlError::Refused`].
    pub(crate) async fn filtered<T: Serialize + DeserializeOwned>(&self, point: &str, value: T) -> Result<T> {
        let mut asked: Vec<_> = self
            .host()
            .services()
            .into_iter()
            .filter_map(|service| {
                hook_of(&service, point).map(|hook| (service.plan.hooks[hook].priority, service, hook))
            })
            .collect();
        asked.sort_by_key(|(priority, ..)| *priority);
        let mut value = value;
        for (_, service, hook) in asked {
            let plugin = service.spec.plugin.as_str();
            let text = serde_json::to_string(&value).map_err(|error| ControlError::Failed(error.to_string()))?;
            match self.host().filter(plugin, hook, &text).await {
                Ok(FilterVerdict::Keep) => {}
                Ok(FilterVerdict::Change(text)) => match serde_json::from_str(&text) {
                    Ok(changed) => value = changed,
                    Err(error) => {
                        tracing::warn!(plugin.id = plugin, point, %error, "what a filter made of it cannot be read");
                    }
                },
                Ok(FilterVerdict::Refuse(why)) => {
                    let why = why.chars().filter(|c| !c.is_control()).take(REFUSAL_CHARS_MAX).collect();
                    return Err(ControlError::Refused { plugin: plugin.to_owned(), why });
                }
                Err(fault) => tracing::warn!(plugin.id = plugin, point, ?fault, "a filter failed and is passed over"),
            }
        }
        Ok(value)
    }

    /// Do services watch every request to the API?
    #[must_use]
    pub fn has_middleware(&self) -> bool {
        self.is_hooked("http.request")
    }

    /// Has the services that watch requests judge one.
    ///
    /// # Errors
    /// [`ControlError::Refused`]. The holder of the admin token is never refused: who else would uninstall the plugin?
    pub async fn judge_request(&self, authority: &Authority, method: &str, path: &str, query: &str) -> Result<()> {
        let caller = super::service::caller_of(authority);
        let kind = match caller.kind {
            crate::ServiceCallerKind::Admin => return Ok(()),
            crate::ServiceCallerKind::Anonymous => "anonymous",
            crate::ServiceCallerKind::Token => "token",
            crate::ServiceCallerKind::Member => "member",
            crate::ServiceCallerKind::Vouched => "vouched",
        };
        let caller = serde_json::json!({ "kind": kind, "id": caller.id, "name": caller.name, "role": caller.role });
        let request = serde_json::json!({ "method": method, "path": path, "query": query, "caller": caller });
        self.filtered("http.request", request).await.map(drop)
    }
}

/// The place in its plan where a service hangs on a point, if it may.
fn hook_of(service: &RunningService, point: &str) -> Option<usize> {
    let may = point != "http.request" || service.spec.rights.contains(&Right::Middleware);
    service.plan.hooks.iter().position(|hook| hook.point == point).filter(|_| may)
}
