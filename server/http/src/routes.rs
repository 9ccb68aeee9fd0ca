//! The routes, one file per resource; each file's `routes` is its contents page.

mod entities;
mod health;
mod lifecycle;
mod participants;
mod plugin_jobs;
mod plugin_secrets;
pub(crate) mod plugin_service;
mod plugins;
mod query;
mod realtime;
mod scenes;
mod session_plugins;
mod sessions;
mod tokens;

use utoipa_axum::router::OpenApiRouter;

use crate::state::HttpState;

/// Every documented route.
pub(crate) fn api() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .merge(sessions::routes())
        .merge(lifecycle::routes())
        .merge(participants::routes())
        .merge(entities::routes())
        .merge(plugins::routes())
        .merge(plugin_jobs::routes())
        .merge(plugin_secrets::routes())
        .merge(session_plugins::routes())
        .merge(scenes::routes())
        .merge(tokens::routes())
        .merge(realtime::routes())
        .merge(health::routes())
}
