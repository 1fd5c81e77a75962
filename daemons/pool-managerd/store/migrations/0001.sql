-- Workers that are alive as far as we know. A row stands before its process is started.
CREATE TABLE workers (
  worker_id TEXT PRIMARY KEY,
  request_id TEXT NOT NULL,
  pid INTEGER,
  start_time TEXT,
  token TEXT NOT NULL,
  spawn_token TEXT NOT NULL,
  model_ref TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  device TEXT NOT NULL,
  context INTEGER NOT NULL,
  slots INTEGER NOT NULL,
  estimate_bytes INTEGER NOT NULL,
  port INTEGER NOT NULL,
  uri TEXT,
  callback TEXT,
  backend TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  memory_bytes INTEGER NOT NULL,
  life TEXT NOT NULL
) STRICT;

-- Which worker answered which request, so that a repeated request starts nothing.
CREATE TABLE requests (
  request_id TEXT PRIMARY KEY,
  worker_id TEXT NOT NULL,
  at INTEGER NOT NULL
) STRICT;

-- Ends of workers that the orchestrator has not acknowledged.
CREATE TABLE exits (
  worker_id TEXT PRIMARY KEY,
  exit_code INTEGER,
  signal TEXT,
  category TEXT NOT NULL,
  at TEXT NOT NULL,
  detail TEXT
) STRICT;

-- What the last load of a model really took.
CREATE TABLE measurements (
  fingerprint TEXT PRIMARY KEY,
  context INTEGER NOT NULL,
  slots INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL
) STRICT;
