-- What loads really took, by the settings that decide it. Those of before did not say on what device.
DROP TABLE measurements;
CREATE TABLE measurements (
  fingerprint TEXT NOT NULL,
  device_kind TEXT NOT NULL,
  context INTEGER NOT NULL,
  slots INTEGER NOT NULL,
  -- -1: all layers on the device.
  gpu_layers INTEGER NOT NULL,
  memory_bytes INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, device_kind, context, slots, gpu_layers)
) STRICT;

ALTER TABLE workers ADD COLUMN gpu_layers INTEGER;
-- What the device says that the worker's process holds on it, where it says so.
ALTER TABLE workers ADD COLUMN device_bytes INTEGER;
