-- API keys; of a secret only its SHA-256 is kept. Times are ms since the epoch.
CREATE TABLE api_keys (
  key_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  secret_sha256 TEXT NOT NULL,
  limits TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT;

-- Tokens that a key used on a day, counted in days (UTC) since the epoch.
CREATE TABLE key_tokens (
  key_id TEXT NOT NULL REFERENCES api_keys (key_id) ON DELETE CASCADE,
  day INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_tenant ON jobs (tenant, seq);

-- With which key a pool registered; NULL: with the token that the daemons share.
ALTER TABLE pools ADD COLUMN key_id TEXT;
