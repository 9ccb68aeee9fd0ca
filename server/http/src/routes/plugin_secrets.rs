//! `/api/plugins/{id}/secrets`: what an operator keeps for a plugin, set and removed and never shown.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use hd1_api::{PluginSecretList, Problem, SetPluginSecret};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{Json, OfPlugin, SecretName};
use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set, remove))
}

/// The secrets that a plugin asks for, and when each was set; what is in them is never shown.
#[utoipa::path(get, path = "/api/plugins/{id}/secrets", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = PluginSecretList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<PluginSecretList>, Failure> {
    Ok(Answer(state.control().plugin_secrets(&authority, &plugin).await?))
}

/// Sets a secret that the plugin asks for; it has the value from its next question on.
#[utoipa::path(put, path = "/api/plugins/{id}/secrets/{name}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`"),
        ("name" = String, Path, description = "as in the right `secret:NAME` that the plugin asks for")),
    request_body = SetPluginSecret,
    responses((status = 204, description = "set"), (status = 422, description = "the plugin does not ask for it, or it is \
        empty or too long", body = Problem, content_type = "application/problem+json")))]
async fn set(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    SecretName(name): SecretName,
    Json(wish): Json<SetPluginSecret>,
) -> Result<StatusCode, Failure> {
    state.control().set_plugin_secret(&authority, &plugin, &name, wish).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a secret.
#[utoipa::path(delete, path = "/api/plugins/{id}/secrets/{name}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`"),
        ("name" = String, Path, description = "the secret")),
    responses((status = 204, description = "removed")))]
async fn remove(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    SecretName(name): SecretName,
) -> Result<StatusCode, Failure> {
    state.control().remove_plugin_secret(&authority, &plugin, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
