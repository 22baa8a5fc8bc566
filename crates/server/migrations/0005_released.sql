-- Accounts whose handle an operator freed for somebody who lost everything (docs/operating.md). What they signed stays, and so does
-- the handle that it was signed under: the log of keys commits to it. The row in accounts goes on under a name that no handle can be
-- (it has a space in it), so that the handle is free and every name is still there once.

CREATE TABLE released (
    principal   BLOB PRIMARY KEY REFERENCES accounts (principal),
    handle      TEXT NOT NULL,
    released_ms INTEGER NOT NULL
) STRICT;

PRAGMA user_version = 5;
