//! axum: routes per resource, extractors, problems, openapi, static web.
