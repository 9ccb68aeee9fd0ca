//! `/api/plugins`: install, list, read, change, uninstall, and how each fares.

use axum::Json as Answer;
use axum::extract::{FromRequest as _, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hd1_api::{
    InstallOutcome, InstalledPlugin, Plugin, PluginHealth, PluginList, PluginLog, PluginPatch, PluginStats, Problem,
};
use hd1_control::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{Json, Octets, OfPlugin, Query};
use crate::limits::PACKAGE_BODY_BYTES_MAX;
use crate::problem::Failure;
use crate::routes::query::PageQuery;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(install, list))
        .routes(routes!(read, change, uninstall))
        .routes(routes!(enable))
        .routes(routes!(disable))
        .routes(routes!(restart))
        .routes(routes!(rollback))
        .routes(routes!(health))
        .routes(routes!(logs))
        .routes(routes!(stats))
}

/// Installs a plugin's package, or puts it in the place of the one that is there: sessions that have the plugin have
/// the new one at once. Where one of their worlds refuses it, nothing has changed anywhere.
#[utoipa::path(post, path = "/api/plugins", tag = "plugins", security(("bearer" = [])),
    request_body(content = inline(String), content_type = "application/octet-stream",
        description = "a package as `hd1 plugin pack` makes it, at most 16 MiB"),
    responses((status = 201, description = "installed", body = InstalledPlugin),
        (status = 200, description = "it took another one's place, or was there already", body = InstalledPlugin),
        (status = 409, description = "it does not go together with what is installed, or a world refuses it",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "the package is at fault, was called back, or a config does not fit it",
            body = Problem, content_type = "application/problem+json")))]
async fn install(State(state): State<HttpState>, Auth(authority): Auth, request: Request) -> Result<Response, Failure> {
    // Nobody else has so much read into memory.
    authority.administer()?;
    let Octets(package) = Octets::<PACKAGE_BODY_BYTES_MAX>::from_request(request, &state).await?;
    let installed = state.control().install_plugin(&authority, package.into()).await?;
    let location = format!("/api/plugins/{}", installed.plugin.id);
    let status = match installed.outcome {
        InstallOutcome::Installed => StatusCode::CREATED,
        InstallOutcome::Replaced | InstallOutcome::Unchanged => StatusCode::OK,
    };
    Ok((status, [(header::LOCATION, location)], Answer(installed)).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only plugins that may run, or only those that may not.
    enabled: Option<bool>,
    /// Entries left out before the first. Default 0.
    offset: Option<u32>,
    /// Entries wanted, 1 to 200. Default 50.
    limit: Option<u32>,
}

/// What is installed, by id.
#[utoipa::path(get, path = "/api/plugins", tag = "plugins", security(("bearer" = [])), params(ListQuery),
    responses((status = 200, body = PluginList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    Query(query): Query<ListQuery>,
) -> Result<Answer<PluginList>, Failure> {
    let page = Page::of(query.offset, query.limit)?;
    Ok(Answer(state.control().list_plugins(&authority, query.enabled, page).await?))
}

/// An installed plugin.
#[utoipa::path(get, path = "/api/plugins/{id}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = Plugin)))]
async fn read(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<Plugin>, Failure> {
    Ok(Answer(state.control().plugin(&authority, &plugin).await?))
}

/// Changes a plugin's config, or whether it may run; both hold at once, in every session that has it.
#[utoipa::path(patch, path = "/api/plugins/{id}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")), request_body = PluginPatch,
    responses((status = 200, body = Plugin), (status = 422, description = "a value does not fit",
        body = Problem, content_type = "application/problem+json")))]
async fn change(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    Json(patch): Json<PluginPatch>,
) -> Result<Answer<Plugin>, Failure> {
    Ok(Answer(state.control().patch_plugin(&authority, &plugin, patch).await?))
}

/// Uninstalls a plugin and takes it out of every session; refused while another plugin needs it.
#[utoipa::path(delete, path = "/api/plugins/{id}", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 204, description = "uninstalled"), (status = 409, description = "another one needs it",
        body = Problem, content_type = "application/problem+json")))]
async fn uninstall(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<StatusCode, Failure> {
    state.control().uninstall_plugin(&authority, &plugin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a plugin run in the sessions that it is attached to.
#[utoipa::path(post, path = "/api/plugins/{id}/enable", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = Plugin)))]
async fn enable(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<Plugin>, Failure> {
    let patch = PluginPatch { enabled: Some(true), ..PluginPatch::default() };
    Ok(Answer(state.control().patch_plugin(&authority, &plugin, patch).await?))
}

/// Lets a plugin run nowhere; it stays attached.
#[utoipa::path(post, path = "/api/plugins/{id}/disable", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = Plugin)))]
async fn disable(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<Plugin>, Failure> {
    let patch = PluginPatch { enabled: Some(false), ..PluginPatch::default() };
    Ok(Answer(state.control().patch_plugin(&authority, &plugin, patch).await?))
}

/// Starts a plugin anew in every world that has it, also where it was suspended.
#[utoipa::path(post, path = "/api/plugins/{id}/restart", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = Plugin)))]
async fn restart(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<Plugin>, Failure> {
    Ok(Answer(state.control().restart_plugin(&authority, &plugin).await?))
}

/// Goes back to the package that was there before; once more comes forward again.
#[utoipa::path(post, path = "/api/plugins/{id}/rollback", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = Plugin), (status = 409, description = "there is none, or it does not fit by now",
        body = Problem, content_type = "application/problem+json")))]
async fn rollback(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<Plugin>, Failure> {
    Ok(Answer(state.control().roll_back_plugin(&authority, &plugin).await?))
}

/// How a plugin fares in the sessions that the caller finds, newest first.
#[utoipa::path(get, path = "/api/plugins/{id}/health", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`"), PageQuery),
    responses((status = 200, body = PluginHealth)))]
async fn health(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    Query(query): Query<PageQuery>,
) -> Result<Answer<PluginHealth>, Failure> {
    Ok(Answer(state.control().plugin_health(&authority, &plugin, query.page()?).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    /// Only lines after this one: `pagination.next_cursor` of the answer before.
    #[serde(default)]
    after: u64,
    /// Lines wanted, the newest, 1 to 1,000. Default 100.
    limit: Option<u32>,
}

/// The newest lines that a plugin, or the server about it, has logged.
#[utoipa::path(get, path = "/api/plugins/{id}/logs", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`"), LogQuery),
    responses((status = 200, body = PluginLog)))]
async fn logs(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    Query(query): Query<LogQuery>,
) -> Result<Answer<PluginLog>, Failure> {
    Ok(Answer(state.control().plugin_log(&authority, &plugin, query.after, query.limit).await?))
}

/// Figures of a plugin's systems over all worlds.
#[utoipa::path(get, path = "/api/plugins/{id}/stats", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`")),
    responses((status = 200, body = PluginStats)))]
async fn stats(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
) -> Result<Answer<PluginStats>, Failure> {
    Ok(Answer(state.control().plugin_stats(&authority, &plugin).await?))
}
