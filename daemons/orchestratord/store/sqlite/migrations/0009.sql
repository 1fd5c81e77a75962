-- What a job asks of a worker in one call, as JSON; NULL for one that generates, and once erased.
ALTER TABLE jobs ADD COLUMN call TEXT;

-- Files that clients uploaded, or that batches made. Times are ms since the epoch.
CREATE TABLE files (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  file_id TEXT NOT NULL UNIQUE,
  -- An API key's id; empty for a caller without one.
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  purpose TEXT NOT NULL,
  -- writing: of an upload that goes on; removed: its parts are being deleted.
  state TEXT NOT NULL CHECK (state IN ('writing', 'ready', 'removed')),
  bytes INTEGER NOT NULL DEFAULT 0,
  parts INTEGER NOT NULL DEFAULT 0,
  -- Lines that are not blank.
  lines INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  -- Last time at which it was read, or used by a batch.
  used_at INTEGER NOT NULL,
  -- When it is erased, however often it is used; NULL: a while after its last use.
  expires_at INTEGER
) STRICT;

-- With the bytes, so that the sum of a tenant is read from the index alone.
CREATE INDEX files_tenant ON files (tenant, seq, bytes);
CREATE INDEX files_used ON files (used_at) WHERE state = 'ready';
CREATE INDEX files_not_ready ON files (state) WHERE state <> 'ready';

CREATE TABLE file_parts (
  file_seq INTEGER NOT NULL,
  part INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (file_seq, part)
) STRICT;

CREATE TABLE batches (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  batch_id TEXT NOT NULL UNIQUE,
  tenant TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  input_file_id TEXT NOT NULL,
  status TEXT NOT NULL,
  -- JSON, as the client sent it.
  metadata TEXT,
  -- How long its files are kept, in ms; NULL: as other files.
  output_ms INTEGER,
  created_at INTEGER NOT NULL,
  -- When lines that have not ended are given up.
  expires_at INTEGER NOT NULL,
  in_progress_at INTEGER,
  finalizing_at INTEGER,
  cancelling_at INTEGER,
  -- NULL until it is completed, failed, expired or cancelled.
  ended_at INTEGER,
  total INTEGER NOT NULL,
  completed INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  output_file_id TEXT,
  error_file_id TEXT,
  -- JSON: why it failed as a whole.
  error TEXT
) STRICT;

CREATE INDEX batches_tenant ON batches (tenant, seq);
CREATE INDEX batches_ended ON batches (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX batches_unfinished ON batches (seq) WHERE ended_at IS NULL;

-- Results of the lines of unfinished batches, until they are in the batches' files.
CREATE TABLE batch_results (
  batch_seq INTEGER NOT NULL,
  line INTEGER NOT NULL,
  is_error INTEGER NOT NULL,
  -- JSON, a line of one of the files.
  result TEXT NOT NULL,
  PRIMARY KEY (batch_seq, line)
) STRICT;
