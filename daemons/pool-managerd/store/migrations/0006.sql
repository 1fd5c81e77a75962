-- The highest term of a leading orchestrator that was seen; none: orders came from one that is alone.
CREATE TABLE terms (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  term INTEGER NOT NULL
) STRICT;
