-- Counts the changes of what a session's owner sets, so that two who change it at once do not undo each other's work.
ALTER TABLE sessions ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
