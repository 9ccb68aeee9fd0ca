-- How much of its world each client of a session is sent, as JSON: view distance, cells, budget.
ALTER TABLE sessions ADD COLUMN replication TEXT NOT NULL DEFAULT '{}';
