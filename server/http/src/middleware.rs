//! Plugins that watch every request to the API, and may refuse it.
//!
//! It stands between the edge and the handlers. Where no plugin watches, it costs one look at the list of services.

use axum::extract::{FromRequestParts as _, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::authority::Auth;
use crate::problem::Failure;
use crate::state::HttpState;

pub(crate) async fn middleware(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !(path.starts_with("/api/") && state.control().has_middleware()) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let judged = match Auth::from_request_parts(&mut parts, &state).await {
        Ok(Auth(authority)) => {
            let (method, uri) = (parts.method.as_str(), &parts.uri);
            let judged = state.control().judge_request(&authority, method, uri.path(), uri.query().unwrap_or_default());
            judged.await.map_err(Failure::from)
        }
        Err(failure) => Err(failure),
    };
    match judged {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(failure) => failure.into_response(),
    }
}
