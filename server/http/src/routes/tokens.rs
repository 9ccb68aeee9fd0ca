//! `/api/tokens`: API tokens, made and revoked by administrators.

use axum::Json as Answer;
use axum::extract::{RawPathParams, State};
use axum::http::StatusCode;
use hd1_api::{CreateToken, CreatedToken, TokenId, TokenList};
use hd1_control::ControlError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{Json, Query};
use crate::problem::Failure;
use crate::routes::query::PageQuery;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(revoke))
}

/// Makes an API token; its secret is shown this once.
#[utoipa::path(post, path = "/api/tokens", tag = "tokens", security(("bearer" = [])), request_body = CreateToken,
    responses((status = 201, body = CreatedToken)))]
async fn create(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    Json(wish): Json<CreateToken>,
) -> Result<(StatusCode, Answer<CreatedToken>), Failure> {
    Ok((StatusCode::CREATED, Answer(state.control().create_token(&authority, wish).await?)))
}

/// API tokens, newest first, without their secrets.
#[utoipa::path(get, path = "/api/tokens", tag = "tokens", security(("bearer" = [])), params(PageQuery),
    responses((status = 200, body = TokenList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    Query(query): Query<PageQuery>,
) -> Result<Answer<TokenList>, Failure> {
    Ok(Answer(state.control().list_tokens(&authority, query.page()?).await?))
}

/// Revokes an API token at once.
#[utoipa::path(delete, path = "/api/tokens/{token}", tag = "tokens", security(("bearer" = [])),
    params(("token" = String, Path, description = "the token's id")),
    responses((status = 204, description = "revoked")))]
async fn revoke(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    path: RawPathParams,
) -> Result<StatusCode, Failure> {
    let text = path.iter().next().map(|(_, value)| value).unwrap_or_default();
    // Who may not revoke learns nothing of which ids there are.
    authority.administer()?;
    let id: TokenId = text.parse().map_err(|_| ControlError::NotFound("token"))?;
    state.control().revoke_token(&authority, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
