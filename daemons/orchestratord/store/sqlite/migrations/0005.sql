-- Models that stay loaded, by place; an empty pool or device means any.
CREATE TABLE pins (
  fingerprint TEXT NOT NULL,
  pool_id TEXT NOT NULL,
  device TEXT NOT NULL,
  model TEXT NOT NULL,
  PRIMARY KEY (fingerprint, pool_id, device)
) STRICT, WITHOUT ROWID;
