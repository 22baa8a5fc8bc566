-- The log of keys: every bundle has its number in it, for ever. Those that were here before come in the order in which they were stored.

CREATE TABLE leaves (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    bundle BLOB NOT NULL UNIQUE REFERENCES bundles (hash)
) STRICT;
INSERT INTO leaves (number, bundle) SELECT row_number() OVER (ORDER BY rowid) - 1, hash FROM bundles;
CREATE TRIGGER leaves_stay BEFORE UPDATE ON leaves BEGIN SELECT RAISE(ABORT, 'leaves are never changed'); END;
CREATE TRIGGER leaves_remain BEFORE DELETE ON leaves BEGIN SELECT RAISE(ABORT, 'leaves are never removed'); END;

PRAGMA user_version = 4;
