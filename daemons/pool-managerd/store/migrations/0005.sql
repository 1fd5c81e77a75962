-- What the engine says that loads take, by a hash of all that it depends on.
CREATE TABLE estimates (
  key TEXT PRIMARY KEY,
  device_bytes INTEGER NOT NULL,
  -- On each of several devices, as JSON; null: there is one.
  device_shares TEXT,
  host_bytes INTEGER NOT NULL
) STRICT;
