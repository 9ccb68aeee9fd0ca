ALTER TABLE sessions DROP COLUMN replication;
