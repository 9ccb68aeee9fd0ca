-- What each stored package says of itself; its bytes lie on disk under its hash.
CREATE TABLE plugin_packages (
    hash TEXT PRIMARY KEY,
    plugin_id TEXT NOT NULL,
    version TEXT NOT NULL,
    manifest TEXT NOT NULL,
    plan TEXT NOT NULL,
    signer TEXT,
    bytes BIGINT NOT NULL,
    stored_at BIGINT NOT NULL
);
CREATE INDEX plugin_packages_by_plugin ON plugin_packages (plugin_id, stored_at);

-- A plugin has one package at a time, and remembers the one before it for a roll-back.
CREATE TABLE plugins (
    id TEXT PRIMARY KEY,
    version TEXT NOT NULL,
    package TEXT NOT NULL REFERENCES plugin_packages (hash),
    enabled BOOLEAN NOT NULL,
    config TEXT NOT NULL,
    trust TEXT NOT NULL,
    signer TEXT,
    previous_version TEXT,
    previous_package TEXT REFERENCES plugin_packages (hash),
    generation BIGINT NOT NULL,
    installed_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE session_plugins (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    plugin_id TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    enabled BOOLEAN NOT NULL,
    config TEXT,
    PRIMARY KEY (session_id, plugin_id)
);
CREATE INDEX session_plugins_by_plugin ON session_plugins (plugin_id, session_id);
