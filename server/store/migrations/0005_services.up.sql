-- What a package's service declares, where it has one.
ALTER TABLE plugin_packages ADD COLUMN service TEXT;
-- What the operator lets a plugin's service do, a JSON list of rights.
ALTER TABLE plugins ADD COLUMN granted TEXT NOT NULL DEFAULT '[]';

-- Small values of services, found by their plugin's id alone.
CREATE TABLE plugin_values (
    plugin_id TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    -- Bytes, so that their order is the same in every database.
    key BYTEA NOT NULL,
    value BYTEA NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (plugin_id, key)
);
CREATE INDEX plugin_values_by_expiry ON plugin_values (expires_at);
