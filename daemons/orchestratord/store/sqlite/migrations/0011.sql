-- How often the service has started: the number of a start tells its attempts from those of others.
CREATE TABLE starts (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  count INTEGER NOT NULL
) STRICT;

INSERT INTO starts (one, count) VALUES (1, 0);
