-- Why a job that completed came to its end, for clients that do not read its events.
ALTER TABLE jobs ADD COLUMN stop_reason TEXT;
