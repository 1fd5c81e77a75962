-- Events as they came, those of one transaction in one row: a JSON array of [job_id, id, event, data]. They are
-- moved to the table of events later, many of a job at once.
CREATE TABLE event_log (
  seq INTEGER PRIMARY KEY,
  events TEXT NOT NULL
) STRICT;
