CREATE TABLE jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL UNIQUE,
  idempotency_key TEXT UNIQUE,
  -- SHA-256 of the submitted body, to tell a retry from a reused key.
  body_sha256 TEXT NOT NULL,
  -- The validated request as JSON; NULL once erased.
  request TEXT,
  model TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  priority TEXT NOT NULL,
  detached INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  deadline_at INTEGER,
  started_at INTEGER,
  ended_at INTEGER,
  attempts TEXT NOT NULL DEFAULT '[]',
  usage TEXT,
  error TEXT,
  -- When request and output are erased; set at the job's end.
  content_expires_at INTEGER
) STRICT;

CREATE INDEX jobs_unfinished ON jobs (seq) WHERE ended_at IS NULL;
CREATE INDEX jobs_expiring ON jobs (content_expires_at) WHERE content_expires_at IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE events (
  job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
  id INTEGER NOT NULL,
  event TEXT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE pools (
  pool_id TEXT PRIMARY KEY,
  endpoint TEXT NOT NULL
) STRICT;
