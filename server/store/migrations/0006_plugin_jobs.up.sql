-- What plugins are to do and to be told, until it is done.
CREATE TABLE plugin_jobs (
    -- Ascends with the moment of the wish.
    id TEXT PRIMARY KEY,
    plugin_id TEXT NOT NULL REFERENCES plugins (id) ON DELETE CASCADE,
    -- 'job' or 'action'.
    kind TEXT NOT NULL,
    -- A job's name, or the point at which something happened.
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    -- Of those that wait there is one of a key.
    job_key TEXT,
    -- 'waiting', 'running' or 'failed'.
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX plugin_jobs_by_due ON plugin_jobs (plugin_id, state, kind, due_at, id);
CREATE UNIQUE INDEX plugin_jobs_by_key ON plugin_jobs (plugin_id, name, job_key)
    WHERE job_key IS NOT NULL AND state = 'waiting';
