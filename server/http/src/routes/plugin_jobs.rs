//! `/api/plugins/{id}/jobs`: what a plugin is to do and to be told, and what failed of it.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use hd1_api::{PluginJobList, PluginJobState, Problem};
use hd1_control::Page;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{OfJob, OfPlugin, Query};
use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct JobQuery {
    /// Only those that stand there.
    state: Option<PluginJobState>,
    /// Entries left out before the first. Default 0.
    offset: Option<u32>,
    /// Entries wanted, 1 to 200. Default 50.
    limit: Option<u32>,
}

/// A page of what a plugin's service is to do and to be told, the next that is due first.
#[utoipa::path(get, path = "/api/plugins/{id}/jobs", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`"), JobQuery),
    responses((status = 200, body = PluginJobList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    Query(query): Query<JobQuery>,
) -> Result<Answer<PluginJobList>, Failure> {
    let page = Page::of(query.offset, query.limit)?;
    Ok(Answer(state.control().plugin_jobs(&authority, &plugin, query.state, page).await?))
}

/// Has what failed tried again at once, as if for the first time.
#[utoipa::path(post, path = "/api/plugins/{id}/jobs/{job}/retry", tag = "plugins", security(("bearer" = [])),
    params(("id" = String, Path, description = "the plugin, as in `acme:flocking`"),
        ("job" = String, Path, description = "what failed")),
    responses((status = 204, description = "it is due now"),
        (status = 409, description = "another one of its key waits already", body = Problem,
            content_type = "application/problem+json")))]
async fn retry(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    OfPlugin(plugin): OfPlugin,
    OfJob(job): OfJob,
) -> Result<StatusCode, Failure> {
    state.control().retry_plugin_job(&authority, &plugin, job).await?;
    Ok(StatusCode::NO_CONTENT)
}
