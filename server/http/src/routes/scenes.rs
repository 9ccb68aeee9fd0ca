//! `/api/scenes`: the library.

use axum::Json as Answer;
use axum::extract::State;
use hd1_api::{Pagination, SceneList};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::Query;
use crate::problem::Failure;
use crate::routes::query::PageQuery;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// The scenes that a session may begin with, by name.
#[utoipa::path(get, path = "/api/scenes", tag = "scenes", security((), ("bearer" = [])), params(PageQuery),
    responses((status = 200, body = SceneList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(_caller): Auth,
    Query(query): Query<PageQuery>,
) -> Result<Answer<SceneList>, Failure> {
    let page = query.page()?;
    let library = state.control().library();
    let total = library.len() as u64;
    let scenes: Vec<_> = library.into_iter().skip(page.offset as usize).take(page.limit as usize).collect();
    let pagination = Pagination::new(total, u64::from(page.limit), u64::from(page.offset), scenes.len() as u64);
    Ok(Answer(SceneList { scenes, pagination }))
}
