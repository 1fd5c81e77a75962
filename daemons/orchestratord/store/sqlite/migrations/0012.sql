-- Browsers that are signed in. Only the secret's hash is kept.
CREATE TABLE sessions (
  secret_sha256 TEXT PRIMARY KEY,
  -- NULL: signed in with the token of the daemons.
  key_id TEXT,
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
