-- Images of requests, each once by its hash. They stay while a job with its request, or a response, uses them.
CREATE TABLE images (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  sha256 TEXT NOT NULL UNIQUE,
  format TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  -- False while its parts are being written, and once they are being deleted.
  is_whole INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE image_parts (
  image_seq INTEGER NOT NULL,
  part INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (image_seq, part)
) STRICT;

CREATE TABLE image_uses (
  -- Id of a job or a response.
  owner TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (owner, sha256)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_uses_sha256 ON image_uses (sha256);
