-- Pools that an operator took out of service, and until when their streams may run on: ms since the
-- epoch. A pool that leaves and comes back is still out of it.
CREATE TABLE drains (
  pool_id TEXT PRIMARY KEY,
  ends_at INTEGER NOT NULL
) STRICT;
