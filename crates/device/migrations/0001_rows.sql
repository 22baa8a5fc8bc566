-- A device's store: rows of bytes by table and key, sealed before they come here where they are secret.

PRAGMA application_id = 0x48466450; -- "HFdP"

CREATE TABLE rows (
    tbl   TEXT NOT NULL,
    key   BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (tbl, key)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
