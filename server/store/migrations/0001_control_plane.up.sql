-- One text for SQLite and PostgreSQL: ids are TEXT (UUIDv7), times BIGINT microseconds, JSON is TEXT.

CREATE TABLE settings (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    secret_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    owner TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT,
    visibility TEXT NOT NULL,
    max_participants BIGINT NOT NULL,
    tick_rate BIGINT NOT NULL,
    scene_name TEXT,
    scene_inline TEXT,
    seed BIGINT NOT NULL,
    settings TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_age ON sessions (created_at, id);
CREATE INDEX sessions_by_owner ON sessions (owner, created_at, id);
CREATE INDEX sessions_by_visibility ON sessions (visibility, created_at, id);

CREATE TABLE participants (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    guest BOOLEAN NOT NULL,
    member TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    held_until BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, id)
);
CREATE INDEX participants_by_state ON participants (session_id, state, joined_at, id);
CREATE INDEX participants_by_change ON participants (state, updated_at);

-- The pair in the foreign key: a ticket for a participant of another session cannot be stored.
CREATE TABLE tickets (
    jti TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    participant_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    FOREIGN KEY (session_id, participant_id) REFERENCES participants (session_id, id) ON DELETE CASCADE
);
CREATE INDEX tickets_by_participant ON tickets (session_id, participant_id);
CREATE INDEX tickets_by_expiry ON tickets (expires_at);
