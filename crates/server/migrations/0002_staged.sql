-- Entries of a log that is on its way here from another server: no part of any log before all of them are here.

CREATE TABLE staged (
    space     BLOB NOT NULL REFERENCES spaces (id),
    seq       INTEGER NOT NULL CHECK (seq > 0),
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    signed    BLOB NOT NULL,
    staged_ms INTEGER NOT NULL,
    PRIMARY KEY (space, seq)
) STRICT;
CREATE INDEX staged_since ON staged (staged_ms);

PRAGMA user_version = 2;
