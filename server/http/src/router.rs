//! All routes in one place, and the OpenAPI document that the same registrations make.

use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::openapi::OpenApi;

use crate::edge::edge;
use crate::middleware::middleware;
use crate::state::HttpState;
use crate::{openapi, routes, web};

/// The routes of the server over this state.
///
/// Every request must carry its peer's address as an [`crate::edge::Peer`] extension; [`crate::serve`] sees to that.
pub fn router(state: HttpState) -> Router {
    let (api, document) = routes::api().split_for_parts();
    api.merge(openapi::router(openapi::finish(document)))
        .merge(routes::plugin_service::routes())
        .merge(web::router())
        .layer(from_fn_with_state(state.clone(), middleware))
        .layer(from_fn_with_state(state.clone(), edge))
        .with_state(state)
}

/// The OpenAPI document by itself.
#[must_use]
pub fn document() -> OpenApi {
    let (_, document) = routes::api().split_for_parts();
    openapi::finish(document)
}
