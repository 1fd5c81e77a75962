-- Responses that clients read again, or continue. Times are ms since the epoch.
CREATE TABLE responses (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  response_id TEXT NOT NULL UNIQUE,
  -- An API key's id; empty for a caller without one.
  tenant TEXT NOT NULL,
  -- The durable job that makes it; NULL if it was stored when it was complete.
  job_id TEXT,
  previous_id TEXT,
  model TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- NULL while its job runs.
  ended_at INTEGER,
  -- Last time at which it was read, or used in a chain.
  used_at INTEGER NOT NULL,
  -- Size of both texts in UTF-8.
  bytes INTEGER NOT NULL,
  -- Both are JSON. They come last, so that lists need not read them.
  request TEXT NOT NULL,
  response TEXT
) STRICT;

-- With the bytes, so that the sum of a tenant is read from the index alone.
CREATE INDEX responses_tenant ON responses (tenant, seq, bytes);
CREATE INDEX responses_tenant_used ON responses (tenant, used_at) WHERE ended_at IS NOT NULL;
CREATE INDEX responses_used ON responses (used_at) WHERE ended_at IS NOT NULL;
CREATE INDEX responses_unfinished ON responses (seq) WHERE ended_at IS NULL;
