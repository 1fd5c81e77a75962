-- Hash of the settings by which an orchestrator would decide.
ALTER TABLE replicas ADD policy_sha256 text;

-- Sessions of browsers were in memory until now. As in the SQLite store, times are ms since the epoch.
ALTER TABLE sessions ALTER ends_at TYPE bigint USING 0;
