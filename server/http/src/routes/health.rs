//! `/healthz`, `/readyz`, `/metrics`: for those who watch the server.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use hd1_api::ErrorCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz)).routes(routes!(metrics))
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "`ok`", body = String)))]
async fn healthz() -> &'static str {
    "ok"
}

/// Whether it should be sent requests: the database answers and nothing drains.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, description = "`ready`", body = String)))]
async fn readyz(State(state): State<HttpState>) -> Result<&'static str, Failure> {
    if state.inner.draining.is_cancelled() {
        return Err(Failure::new(ErrorCode::Unavailable, "the server drains"));
    }
    state.control().ready().await?;
    Ok("ready")
}

/// Figures in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "figures", body = String,
        content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
async fn metrics(State(state): State<HttpState>) -> Result<impl IntoResponse, Failure> {
    let text = state.inner.metrics.text().map_err(|error| Failure::internal(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}
