//! `/api/sessions/{id}/entities`, `/messages`, `/scene` and `/stats`: the live world.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use hd1_api::{CreateEntity, Entity, EntityList, ErrorCode, HandEntity, PatchEntity, SendMessage, WorldStats};
use hd1_control::Page;
use hd1_core::PlayerId;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::authority::Auth;
use crate::extract::{InSession, Json, OfEntity, Query};
use crate::limits::NAME_CHARS_MAX;
use crate::problem::Failure;
use crate::state::HttpState;

pub(super) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, remove))
        .routes(routes!(say))
        .routes(routes!(hand, take_back))
        .routes(routes!(scene))
        .routes(routes!(stats))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Only entities of this name.
    name: Option<String>,
    /// Only entities with this component.
    component: Option<String>,
    /// Entries left out before the first. Default 0.
    offset: Option<u32>,
    /// Entries wanted, 1 to 200. Default 50.
    limit: Option<u32>,
}

/// The entities of a live world, in ascending order of their numbers.
#[utoipa::path(get, path = "/api/sessions/{id}/entities", tag = "entities", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ListQuery),
    responses((status = 200, body = EntityList)))]
async fn list(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Query(query): Query<ListQuery>,
) -> Result<Answer<EntityList>, Failure> {
    for text in [&query.name, &query.component].into_iter().flatten() {
        if text.chars().count() > NAME_CHARS_MAX {
            let detail = format!("names have at most {NAME_CHARS_MAX} characters");
            return Err(Failure::new(ErrorCode::InvalidRequest, detail));
        }
    }
    let page = Page::of(query.offset, query.limit)?;
    Ok(Answer(state.control().list_entities(&authority, id, query.name, query.component, page).await?))
}

/// Makes an entity.
#[utoipa::path(post, path = "/api/sessions/{id}/entities", tag = "entities", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = CreateEntity,
    responses((status = 201, body = Entity)))]
async fn create(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Json(wish): Json<CreateEntity>,
) -> Result<(StatusCode, Answer<Entity>), Failure> {
    Ok((StatusCode::CREATED, Answer(state.control().create_entity(&authority, id, wish).await?)))
}

/// An entity, by number or by name.
#[utoipa::path(get, path = "/api/sessions/{id}/entities/{entity}", tag = "entities",
    security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ("entity" = String, Path, description = "number or name")),
    responses((status = 200, body = Entity)))]
async fn read(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfEntity(entity): OfEntity,
) -> Result<Answer<Entity>, Failure> {
    Ok(Answer(state.control().entity(&authority, id, &entity).await?))
}

/// Changes an entity: of a component given the given fields are set and the others stay; `null` removes it.
#[utoipa::path(patch, path = "/api/sessions/{id}/entities/{entity}", tag = "entities", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ("entity" = String, Path, description = "number or name")),
    request_body = PatchEntity, responses((status = 200, body = Entity)))]
async fn change(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfEntity(entity): OfEntity,
    Json(patch): Json<PatchEntity>,
) -> Result<Answer<Entity>, Failure> {
    Ok(Answer(state.control().patch_entity(&authority, id, entity, patch).await?))
}

/// Ends an entity.
#[utoipa::path(delete, path = "/api/sessions/{id}/entities/{entity}", tag = "entities", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ("entity" = String, Path, description = "number or name")),
    responses((status = 204, description = "gone")))]
async fn remove(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfEntity(entity): OfEntity,
) -> Result<StatusCode, Failure> {
    state.control().delete_entity(&authority, id, entity).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says something to the programs of those who are in a world; they hear it from player 0.
#[utoipa::path(post, path = "/api/sessions/{id}/messages", tag = "messages", security(("bearer" = [])),
    params(("id" = String, Path, description = "the session")), request_body = SendMessage,
    responses((status = 204, description = "on its way")))]
async fn say(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    Json(wish): Json<SendMessage>,
) -> Result<StatusCode, Failure> {
    state.control().send_message(&authority, id, &wish).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands the authority of an entity to a player, who then drives it: says each tick where it is. Whoever had it has it no more.
#[utoipa::path(put, path = "/api/sessions/{id}/entities/{entity}/authority", tag = "entities",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ("entity" = String, Path, description = "number or name")),
    request_body = HandEntity, responses((status = 200, body = Entity)))]
async fn hand(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfEntity(entity): OfEntity,
    Json(HandEntity { player }): Json<HandEntity>,
) -> Result<Answer<Entity>, Failure> {
    Ok(Answer(state.control().hand_entity(&authority, id, entity, Some(PlayerId(player))).await?))
}

/// Takes the authority of an entity back: the server moves it again, as it moved last.
#[utoipa::path(delete, path = "/api/sessions/{id}/entities/{entity}/authority", tag = "entities",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "the session"), ("entity" = String, Path, description = "number or name")),
    responses((status = 204, description = "the server has it")))]
async fn take_back(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
    OfEntity(entity): OfEntity,
) -> Result<StatusCode, Failure> {
    state.control().hand_entity(&authority, id, entity, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The world as a scene file: what `scene` takes when a session is made.
#[utoipa::path(get, path = "/api/sessions/{id}/scene", tag = "entities", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session")), responses((status = 200, body = Object)))]
async fn scene(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
) -> Result<Answer<Value>, Failure> {
    Ok(Answer(state.control().scene(&authority, id).await?))
}

/// The world's figures; asking does not wake it.
#[utoipa::path(get, path = "/api/sessions/{id}/stats", tag = "entities", security((), ("bearer" = [])),
    params(("id" = String, Path, description = "the session")), responses((status = 200, body = WorldStats)))]
async fn stats(
    State(state): State<HttpState>,
    Auth(authority): Auth,
    InSession(id): InSession,
) -> Result<Answer<WorldStats>, Failure> {
    Ok(Answer(state.control().stats(&authority, id).await?))
}
