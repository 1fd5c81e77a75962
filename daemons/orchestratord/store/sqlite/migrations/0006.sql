-- When a job's first token came, for its timeline.
ALTER TABLE jobs ADD COLUMN first_token_at INTEGER;
