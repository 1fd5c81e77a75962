-- Memory of a worker on each device, as JSON; null: all on one device.
ALTER TABLE workers ADD COLUMN shares TEXT;
