DROP TABLE tickets;
DROP TABLE participants;
DROP TABLE sessions;
DROP TABLE api_tokens;
DROP TABLE settings;
