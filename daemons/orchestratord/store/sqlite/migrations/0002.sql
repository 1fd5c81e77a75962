-- Whose job it is: an API key's id, else a session's; empty for a caller without either.
ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
